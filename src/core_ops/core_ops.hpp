#pragma once
// The few ops that the engine itself writes.

#include <thalweg/op.hpp>

#include "src/registry/core.hpp"

namespace thalweg::internal {

// Sources. What a key's attribute says: the shape (constant, draw), the bits of the number (literal), an address in a
// registry (parameter, registry_buffer); a number's value is data.
extern const Op constant_op, number_op, literal_op, parameter_op, registry_buffer_op;

// Requests and marks: they have no value.
extern const Op value_request_op, item_request_op, effects_request_op, backward_request_op, keep_op, gradients_op;

extern const Op add_op, chain_op, sum_to_op, broadcast_to_op, reshape_op, stop_gradient_op, assign_op, cast_op;
extern const Op
    column_index_op;  // attribute: the shape (n,); values 0, 1, …, n − 1 in the dtype of the tensor beside it

/// A trainable parameter as it was assigned on the tape: a node of its own, so that differentiation by the parameter finds
/// it. Attribute: the parameter's address.
extern const Op assigned_parameter_op;

/// A place in a registry as a key's attribute.
enum class RegistrySpace : std::uint8_t { parameter, values, gradients, state };
struct RegistryAddress {
  std::uint32_t uid;
  RegistrySpace space;
  std::int32_t index;  // of the parameter; of a flat buffer's region, for state in the lower 20 bits
};
/// The state buffer stands above the region's 20 bits.
constexpr std::int32_t region_bits = 20, max_states = 1 << 8, max_regions = 1 << region_bits;
inline std::int32_t flat_index(std::int32_t region, std::int32_t state = 0) { return state << region_bits | region; }
inline std::int32_t region_of(const RegistryAddress& address) { return address.index & (max_regions - 1); }
inline std::int32_t state_of(const RegistryAddress& address) { return address.index >> region_bits; }
inline std::uint64_t pack(const RegistryAddress& address) {
  return (std::uint64_t{address.uid} << 32) | (std::uint64_t{static_cast<std::uint8_t>(address.space)} << 28) |
         static_cast<std::uint32_t>(address.index);
}
inline RegistryAddress unpack(std::uint64_t attribute) {
  return {static_cast<std::uint32_t>(attribute >> 32), static_cast<RegistrySpace>((attribute >> 28) & 15),
          static_cast<std::int32_t>(attribute & 0xFFFFFFF)};
}

/// What a key's attribute addresses, and its shape.
void* registry_data(const RegistryCore& core, std::uint64_t attribute);
const Shape* registry_shape(const RegistryCore& core, std::uint64_t attribute);

/// `x` summed over the dimensions in which `shape` was stretched to x's shape.
Var sum_to(const Operand& x, const Shape& shape);
Var broadcast_to(const Operand& x, const Shape& shape);
/// The sum of `x`, which has no elements: zeros of `shape`.
Var sum_of_nothing(const Operand& x, const Shape& shape);
Var reshape(const Operand& x, const Shape& shape);
Var add(const Operand& a, const Operand& b);
/// A number that is part of the structure, of this dtype whatever stands beside it.
Var typed_literal(double number, DType dtype);

}  // namespace thalweg::internal
