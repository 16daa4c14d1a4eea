#include "ops/integer.hpp"

#include <fmt/format.h>

#include <thalweg/elementwise.hpp>

namespace thalweg {

namespace {

using Integer = std::int64_t;
using Bits = std::uint64_t;  // for arithmetic that wraps

/// The strides of a broadcast operand along the output's axes, 0 along stretched ones.
std::array<Integer, Shape::max_rank> broadcast_strides(const Shape& operand, const Shape& output) {
  std::array<Integer, Shape::max_rank> strides{};
  Integer stride = 1;
  for (int axis = operand.rank(); axis-- > 0; stride *= operand[axis])
    strides[axis + output.rank() - operand.rank()] = operand[axis] == 1 ? 0 : stride;
  return strides;
}

/// output = function(a, b, index of the element) for each element, in row-major order.
template <class Function>
void for_each_pair(const OpaqueCall& call, const Function& function) {
  const Shape& shape = call.output_type.shape;
  const auto a_strides = broadcast_strides(call.input_types[0].shape, shape);
  const auto b_strides = broadcast_strides(call.input_types[1].shape, shape);
  const auto* a = static_cast<const Integer*>(call.inputs[0]);
  const auto* b = static_cast<const Integer*>(call.inputs[1]);
  auto* out = static_cast<Integer*>(call.output);
  std::array<Integer, Shape::max_rank> place{};
  for (Integer i = 0, count = shape.size(); i < count; ++i) {
    *out++ = function(*a, *b);
    for (int axis = shape.rank(); axis-- > 0;) {
      const auto k = static_cast<std::size_t>(axis);
      a += a_strides[k];
      b += b_strides[k];
      if (++place[k] < shape[axis]) break;
      a -= a_strides[k] * shape[axis];
      b -= b_strides[k] * shape[axis];
      place[k] = 0;
    }
  }
}

[[noreturn]] void fail(const OpaqueCall& call, const std::string& message) {
  throw ValueError(error_text(call.op(),
                              fmt::format("{}: lhs {}, rhs {}", message, to_string(call.input_types[0].shape),
                                          to_string(call.input_types[1].shape)),
                              call.line()));
}

Integer floor_divide(Integer a, Integer b) {
  if (b == -1) return static_cast<Integer>(Bits{0} - static_cast<Bits>(a));  // wraps for the smallest i64
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

Integer remainder(Integer a, Integer b) {
  if (b == -1) return 0;
  const Integer left = a % b;
  return left != 0 && (left < 0) != (b < 0) ? left + b : left;
}

/// Power by repeated squaring, modulo 2⁶⁴.
Integer power(Integer base, Integer exponent) {
  Bits result = 1, factor = static_cast<Bits>(base);
  for (auto left = static_cast<Bits>(exponent); left != 0; left >>= 1, factor *= factor)
    if (left & 1) result *= factor;
  return static_cast<Integer>(result);
}

void floor_divide_kernel(const OpaqueCall& call) {
  for_each_pair(call, [&](Integer a, Integer b) {
    if (b == 0) fail(call, fmt::format("{} is divided by 0", a));
    return floor_divide(a, b);
  });
}

void remainder_kernel(const OpaqueCall& call) {
  for_each_pair(call, [&](Integer a, Integer b) {
    if (b == 0) fail(call, fmt::format("{} is divided by 0", a));
    return remainder(a, b);
  });
}

void power_kernel(const OpaqueCall& call) {
  for_each_pair(call, [&](Integer a, Integer b) {
    if (b < 0) fail(call, fmt::format("{} to the power of {} is not whole; cast to f32 or f64 first", a, b));
    return power(a, b);
  });
}

constexpr Op integer_op(const char* name, OpaqueKernel kernel) {
  return {
      .name = name, .kind = Kind::opaque, .shape_rule = arithmetic_shape, .opaque_kernel = kernel, .can_fail = true};
}

}  // namespace

const Op integer_floor_divide_op = integer_op("floor_divide", floor_divide_kernel);
const Op integer_remainder_op = integer_op("remainder", remainder_kernel);
const Op integer_power_op = integer_op("power", power_kernel);

Var integer_or_floating(const Op& floating_op, const Op& integer_op, const Operand& a, const Operand& b) {
  const Var lhs = as_var(a, floating_op.name), rhs = as_var(b, floating_op.name);
  if (is_floating(lhs.dtype()) || is_floating(rhs.dtype()))
    return record(floating_op, Operand(lhs, a.line()), Operand(rhs, b.line()));
  const auto whole = [](const Var& x) { return x.dtype() == DType::boolean ? cast(x, DType::i64) : x; };
  return record(integer_op, Operand(whole(lhs), a.line()), Operand(whole(rhs), b.line()));
}

}  // namespace thalweg
