#pragma once
// The few ops that the engine itself records.

#include <thalweg/op.hpp>

#include "src/registry/core.hpp"

namespace thalweg::internal {

// Sources. The attribute of their keys is the shape (constant), the bits of the number (literal), or a RegistryAddress
// (parameter, registry_buffer). The value of a number is data, so it is not in the key.
extern const Op constant_op, number_op, literal_op, parameter_op, registry_buffer_op;

// Requests, and other nodes without a value.
extern const Op value_request_op, item_request_op, effects_request_op, backward_request_op, keep_op, gradients_op;

extern const Op add_op, chain_op, sum_to_op, broadcast_to_op, reshape_op, stop_gradient_op, assign_op, cast_op;
/// Values 0, 1, …, n − 1 in the dtype of the other operand. Attribute: the shape (n,).
extern const Op column_index_op;

/// A read of a trainable parameter after its assignment on the tape. A separate op, so that differentiation with
/// respect to the parameter detects it. Attribute: the parameter's address.
extern const Op assigned_parameter_op;

/// A location in a registry, which packs into a key's attribute.
enum class RegistrySpace : std::uint8_t { parameter, values, gradients, state };
struct RegistryAddress {
  std::uint32_t uid;
  RegistrySpace space;
  std::int32_t index;  // of the parameter; otherwise see flat_index
};
/// The index of a region of a flat buffer: the lower 20 bits are the region, the bits above the state buffer.
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

/// The memory that a key's attribute addresses, and its shape.
void* registry_data(const RegistryCore& core, std::uint64_t attribute);
const Shape* registry_shape(const RegistryCore& core, std::uint64_t attribute);

/// `x` summed over the dimensions that broadcasting `shape` to x's shape has stretched.
Var sum_to(const Operand& x, const Shape& shape);
Var broadcast_to(const Operand& x, const Shape& shape);
/// The sum of an `x` without elements: zeros of `shape`.
Var sum_of_nothing(const Operand& x, const Shape& shape);
Var reshape(const Operand& x, const Shape& shape);
Var add(const Operand& a, const Operand& b);
/// A number that is part of the structure, with a fixed dtype.
Var typed_literal(double number, DType dtype);

}  // namespace thalweg::internal
