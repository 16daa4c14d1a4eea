#include <thalweg/elementwise.hpp>

#include <fmt/format.h>

#include "src/tape/recorder.hpp"

namespace thalweg {

NodeType arithmetic_shape(const Inference& inference) {
  NodeType type = inference.broadcast();
  if (type.dtype == DType::boolean) type.dtype = DType::i64;
  return type;
}

NodeType floating_shape(const Inference& inference) {
  const NodeType type = inference.broadcast();
  if (!is_floating(type.dtype) && !type.weak)
    inference.fail_dtype(fmt::format("{} has no fractions; cast to f32 or f64 first", name(type.dtype)));
  return {type.shape, type.weak ? DType::f32 : type.dtype, type.weak};
}

NodeType bool_shape(const Inference& inference) { return {inference.broadcast().shape, DType::boolean, false}; }

Var floating(const char* op, const Operand& x) {
  internal::Recorder& recorder = internal::Recorder::require(op, x.line());
  const std::int32_t id = recorder.resolve(x, op);
  const NodeType type = recorder.type(id);
  floating_shape(Inference(recorder.blame(op), recorder.blame(x.line()), 0, {&type, 1}));
  return recorder.var(id);
}

}  // namespace thalweg
