// Inference of a node's shape and dtype by its op's shape rule.

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"
#include "src/tensor/shape_error.hpp"

namespace thalweg::internal {

namespace {

/// Whether `op` applied to numbers gives a number again, computed in the dtype of the tensor it is combined with. Sums
/// of numbers, and arrays of them, are computed once, so their f32 or i64 is final.
bool gives_way(const Op& op, const Shape& shape) {
  return op.kind == Kind::view || op.kind == Kind::broadcast || (op.kind == Kind::elementwise && shape.rank() == 0);
}

Info ask_shape_rule(const Recorder& recorder, const Key& key, SourceLine line) {
  const std::span<const std::int32_t> ids = recorder.inputs(key);
  thread_local std::vector<NodeType>
      types;  // keeps the capacity of the longest list so far: gradients of sequences have long ones
  if (types.size() < ids.size()) types.resize(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) types[i] = recorder.type(ids[i]);
  const std::span<const NodeType> seen(types.data(), ids.size());
  const char* const op = recorder.blame(key.op->name);
  const Inference inference(op, recorder.blame(line), key.attribute, seen);
  const NodeType result = made_for(op, inference.line(), [&] { return key.op->shape_rule(inference); });
  if (result.shape.size() > std::numeric_limits<std::int64_t>::max() / static_cast<std::int64_t>(size_of(result.dtype)))
    throw ShapeError(error_text(
        op, fmt::format("{} of {} take more bytes than int64 counts", to_string(result.shape), name(result.dtype)),
        recorder.blame(line)));
  Info info;
  info.shape = intern_shape(result.shape);
  info.dtype = result.dtype;
  info.weak = result.weak && gives_way(*key.op, result.shape);
  return info;
}

/// Shape, dtype and weakness at once.
bool are_alike(const Info& a, const Info& b) { return std::memcmp(&a, &b, offsetof(Info, origin)) == 0; }

/// A cached inference for a node of up to three inputs. It depends only on the rule, the attribute and the inputs'
/// types, and recordings repeat the same few.
struct Inferred {
  ShapeRule rule = nullptr;
  Kind kind{};
  std::uint64_t attribute = 0;
  int count = 0;
  std::array<Info, 3> inputs;
  Info result;

  bool answers(const Recorder& recorder, const Key& key) const {
    if (rule != key.op->shape_rule || kind != key.op->kind || attribute != key.attribute || count != key.count)
      return false;
    for (int i = 0; i < count; ++i)
      if (!are_alike(inputs[static_cast<std::size_t>(i)], recorder.info(key.inputs[i]))) return false;
    return true;
  }
};

std::size_t hash_of(const Recorder& recorder, const Key& key) {
  std::uint64_t hash = reinterpret_cast<std::uintptr_t>(key.op->shape_rule) ^ key.attribute;
  for (int i = 0; i < key.count; ++i)
    hash = std::rotl(hash, 17) ^ reinterpret_cast<std::uintptr_t>(recorder.info(key.inputs[i]).shape);
  return hash * 0x9E3779B97F4A7C15u >> 32;
}

/// A thread's latest inferences, by hash.
constinit thread_local std::array<Inferred, 64> inferred{};

}  // namespace

Info Recorder::infer(const Key& key, SourceLine line) const {
  if (key.op->shape_rule == nullptr) {  // a source, whose key has the type; or a request, which has no value
    Info info;
    info.shape = source_shape(key);
    info.dtype = key.dtype;
    info.weak = (key.flags & weak_flag) != 0;
    return info;
  }
  if (key.count > 3) return ask_shape_rule(*this, key, line);
  Inferred& known = inferred[hash_of(*this, key) % inferred.size()];
  if (!known.answers(*this, key)) {
    const Info result = ask_shape_rule(*this, key, line);
    known = {key.op->shape_rule, key.op->kind, key.attribute, key.count, {}, result};
    for (int i = 0; i < key.count; ++i) known.inputs[static_cast<std::size_t>(i)] = info(key.inputs[i]);
  }
  return known.result;
}

const Shape* Recorder::source_shape(const Key& key) const {
  if (key.flags & shape_flag) return reinterpret_cast<const Shape*>(static_cast<std::uintptr_t>(key.attribute));
  if (key.op == &parameter_op || key.op == &registry_buffer_op)
    return registry_shape(*reads_.find(unpack(key.attribute).uid), key.attribute);
  static const Shape* const scalar = intern_shape(Shape{});
  return scalar;
}

}  // namespace thalweg::internal
