#include <thalweg/ops/random.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/reduction.hpp>

#include "ops/buffers.hpp"
#include "ops/errors.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

const Op uniform_op{.name = "uniform", .kind = Kind::random};
const Op normal_op{.name = "normal", .kind = Kind::random, .normal = true};

Var draw(const Op& op, const Shape& shape, Random& random, DType dtype, SourceLine line) {
  if (!is_floating(dtype)) fail<DtypeError>(op.name, fmt::format("draws are f32 or f64, not {}", name(dtype)), line);
  return record_draw(op, random, shape, dtype, line);
}

// --- bernoulli: whether uniform numbers are below the probabilities, which are checked to be in [0, 1] ---

NodeType probabilities_shape(const Inference& inference) {
  const NodeType type = inference.input(0);
  if (!is_floating(type.dtype))
    inference.fail_dtype(fmt::format("probabilities must be f32 or f64, they are {}", name(type.dtype)));
  return {type.shape, type.dtype, false};
}

template <class T>
void check_probabilities(const OpaqueCall& call) {
  const auto* from = static_cast<const T*>(call.inputs[0]);
  const auto count = static_cast<std::size_t>(call.output_type.shape.size());
  for (std::size_t i = 0; i < count; ++i)
    if (!is_probability(from[i]))
      throw ValueError(error_text(call.op(),
                                  fmt::format("the probability at place {} is {}; it must be in [0, 1]",
                                              place_in(call.output_type.shape, static_cast<std::int64_t>(i)), from[i]),
                                  call.line()));
  pass_on_first_input(call);
}

const Op probabilities_op{.name = "bernoulli",
                          .kind = Kind::opaque,
                          .shape_rule = probabilities_shape,
                          .opaque_kernel =
                              [](const OpaqueCall& call) {
                                internal::visit_floating(call.output_type.dtype,
                                                         [&]<class T>() { check_probabilities<T>(call); });
                              },
                          .can_fail = true};

// --- permutation: from a uniform draw of f64, one number per position ---

NodeType permutation_shape(const Inference& inference) { return {inference.shape(0), DType::i64, false}; }

/// The Fisher–Yates shuffle from the front: swaps element i with one of the elements 0 to i, each equally likely.
void permutation_kernel(const OpaqueCall& call) {
  const auto* numbers = static_cast<const double*>(call.inputs[0]);
  auto* order = static_cast<std::int64_t*>(call.output);
  const std::int64_t count = call.output_type.shape.size();
  for (std::int64_t i = 0; i < count; ++i) {
    order[i] = i;
    const auto chosen = static_cast<std::int64_t>(numbers[i] * static_cast<double>(i + 1));
    std::swap(order[i], order[std::min(chosen, i)]);
  }
}

const Op permutation_op{
    .name = "permutation", .kind = Kind::opaque, .shape_rule = permutation_shape, .opaque_kernel = permutation_kernel};

}  // namespace

Var uniform(const Shape& shape, Random& random, DType dtype, SourceLine line) {
  return draw(uniform_op, shape, random, dtype, line);
}
Var normal(const Shape& shape, Random& random, DType dtype, SourceLine line) {
  return draw(normal_op, shape, random, dtype, line);
}

Var bernoulli(const Shape& shape, double probability, Random& random, SourceLine line) {
  const OpScope scope("bernoulli", line);
  if (!is_probability(probability))
    fail<ValueError>("bernoulli", fmt::format("the probability is {}; it must be in [0, 1]", probability), line);
  return uniform(shape, random, DType::f64, line) < probability;
}

Var bernoulli(const Operand& probabilities, Random& random) {
  const OpScope scope("bernoulli", probabilities.line());
  const Var checked = record(probabilities_op, probabilities);
  return uniform(checked.shape(), random, checked.dtype(), probabilities.line()) < checked;
}

Var categorical(const Operand& logits, Random& random, int axis) {
  const OpScope scope("categorical", logits.line());
  const Var value = floating_value("categorical", logits);
  // In f64: in f32 the largest of −ln(−ln u) is 16.6, so that unlikely classes would be drawn too rarely.
  const Var u = uniform(value.shape(), random, DType::f64, logits.line());
  return argmax(cast(value, DType::f64) - log(-log(u)), axis);
}

Var permutation(std::int64_t count, Random& random, SourceLine line) {
  const OpScope scope("permutation", line);
  if (count < 0) fail<ValueError>("permutation", fmt::format("the count is {}; it must be 0 or more", count), line);
  return record(permutation_op, uniform(Shape{count}, random, DType::f64, line));
}

}  // namespace thalweg
