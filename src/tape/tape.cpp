// The public interface of the recorder: Tape, Var, Scope, and the entry points for recording ops.

#include <thalweg/tape.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/op.hpp>
#include <thalweg/registry.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

using internal::Info;
using internal::Key;
using internal::Recorder;
using internal::Workspace;

Tape::Tape(const TapeOptions& options) : recorder_(Workspace::acquire()) { recorder_->begin(options); }
Tape::~Tape() { recorder_->end(); }
void Tape::clear() { recorder_->clear(); }
Phase Tape::phase() const { return recorder_->phase(); }
Phase current_phase(SourceLine line) { return Recorder::require("current_phase", line).phase(); }
Engine Tape::engine() const { return recorder_->engine(); }
std::int64_t Tape::size() const { return recorder_->size(); }
void Tape::run() { recorder_->run_effects("run", {}); }
void Tape::watch(std::string_view pattern) { recorder_->watch(std::string(pattern)); }
void Tape::keep(const Var& var, SourceLine line) { recorder_->keep(recorder_->resolve(var, "keep", line)); }

Var::Var(const Tensor& tensor, const char* file, unsigned line) : Var(as_var(Operand(tensor, file, line))) {}
Var::Var(const Parameter& parameter, const char* file, unsigned line) : Var(as_var(Operand(parameter, file, line))) {}
Var internal::leaf(const Operand& operand) { return as_var(operand); }

const Shape& Var::shape(SourceLine line) const { return *Recorder::of(*this, "shape", line).info(id()).shape; }
DType Var::dtype(SourceLine line) const { return Recorder::of(*this, "dtype", line).info(id()).dtype; }

double Var::item(const char* file, unsigned line) const {
  Recorder& recorder = Recorder::of(*this, "item", {file, line});
  const Shape& shape = *recorder.info(id()).shape;
  if (shape.size() != 1)
    throw ShapeError(
        error_text("item", fmt::format("shape {} has not exactly one element", to_string(shape)), {file, line}));
  return recorder.item(id(), {file, line});
}

Scope::Scope(const char* name, SourceLine line) : Scope(name, line, false) {}

Scope::Scope(const char* name, SourceLine line, bool is_op)
    : recorder_(Recorder::current()), serial_(0), previous_(-1) {
  if (recorder_ == nullptr) return;
  serial_ = recorder_->serial();
  previous_ = recorder_->open_scope(name, line, is_op);
}

Scope::~Scope() {
  // The tape, and its scopes with it, may have ended or been cleared in the meantime.
  if (recorder_ != nullptr && recorder_->serial() == serial_) recorder_->close_scope(previous_);
}

// --- op.hpp ---

std::string OpaqueCall::op() const { return recorder->path_to_op(node); }
SourceLine OpaqueCall::line() const { return recorder->outermost_line(node); }

Var record(const Op& op, std::span<const Var> inputs, std::uint64_t attribute, SourceLine line) {
  Recorder& recorder = Recorder::require(op.name, line);
  std::array<std::int32_t, 255> ids;
  if (inputs.size() > ids.size())
    throw ValueError(error_text(op.name, fmt::format("{} inputs; at most 255 are possible", inputs.size()), line));
  for (std::size_t i = 0; i < inputs.size(); ++i) ids[i] = recorder.resolve(Operand(inputs[i], line), op.name);
  Key key;
  key.op = &op;
  key.count = static_cast<std::uint8_t>(inputs.size());
  key.attribute = attribute;
  if (inputs.size() > 3) {
    key.inputs[0] = recorder.workspace().pool.list({ids.data(), inputs.size()});
  } else {
    std::copy_n(ids.begin(), inputs.size(), key.inputs);
  }
  return recorder.var(recorder.append(key, line));
}

Var record_draw(const Op& op, Random& random, const Shape& shape, DType dtype, SourceLine line) {
  Recorder& recorder = Recorder::require(op.name, line);
  internal::Slot slot{};
  slot.seed = random.seed();
  slot.stream = random.stream();
  slot.draw = static_cast<std::uint32_t>(random.next_draw());
  return recorder.var(recorder.append_with_slot(op, -1, internal::traits_of(0, dtype, internal::shape_flag),
                                                shape_attribute(shape), line, slot));
}

Var literal(double number) {
  Recorder& recorder = Recorder::require("literal", {});
  return recorder.var(recorder.literal(number));
}

std::uint64_t shape_attribute(const Shape& shape) {
  return reinterpret_cast<std::uintptr_t>(internal::intern_shape(shape));
}

const Shape& attribute_shape(std::uint64_t attribute) {
  return *reinterpret_cast<const Shape*>(static_cast<std::uintptr_t>(attribute));
}

Var as_var(const Operand& operand, const char* op) {
  Recorder& recorder = Recorder::require(op, operand.line());
  return recorder.var(recorder.resolve(operand, op));
}

void Inference::fail_shape(const std::string& message) const {
  throw ShapeError(error_text(Recorder::path_to(op_), message, line_));
}
void Inference::fail_dtype(const std::string& message) const {
  throw DtypeError(error_text(Recorder::path_to(op_), message, line_));
}
void Inference::fail_index(const std::string& message) const {
  throw IndexError(error_text(Recorder::path_to(op_), message, line_));
}

namespace {

/// Joins the dtype of `b` into `a`: numbers yield to tensors, bools to numbers.
void join_dtypes(const Inference& inference, NodeType& a, const NodeType& b) {
  if (a.dtype == b.dtype) {
    a.weak = a.weak && b.weak;
    return;
  }
  const NodeType& weak = a.weak ? a : b;
  const NodeType& other = a.weak ? b : a;
  if (a.weak && b.weak) {
    a.dtype = DType::f32;  // an integer and a fraction
  } else if (weak.weak) {
    if (other.dtype == DType::i64 && weak.dtype == DType::f32)
      inference.fail_dtype(
          "a fraction, or a whole number that f64 does not have, beside i64; cast the tensor to f32 or f64, "
          "or give the number as a Tensor");
    a = {a.shape, other.dtype == DType::boolean ? weak.dtype : other.dtype, false};
  } else if (a.dtype == DType::boolean || b.dtype == DType::boolean) {
    a.dtype = a.dtype == DType::boolean ? b.dtype : a.dtype;
  } else {
    inference.fail_dtype(fmt::format("dtypes differ: {} and {}; cast one of them", name(a.dtype), name(b.dtype)));
  }
}

Shape join_shapes(const Inference& inference, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::array<std::int64_t, Shape::max_rank> dimensions{};
  for (int i = 0; i < rank; ++i) {
    const int from_a = i - (rank - a.rank()), from_b = i - (rank - b.rank());
    const std::int64_t x = from_a < 0 ? 1 : a[from_a], y = from_b < 0 ? 1 : b[from_b];
    if (x != y && x != 1 && y != 1)
      inference.fail_shape(fmt::format("shapes do not broadcast: {} and {}", to_string(a), to_string(b)));
    dimensions[static_cast<std::size_t>(i)] = x == 1 ? y : x;
  }
  return Shape(std::span<const std::int64_t>(dimensions.data(), static_cast<std::size_t>(rank)));
}

}  // namespace

NodeType Inference::broadcast() const {
  NodeType result = input(0);
  for (int i = 1; i < count(); ++i) {
    if (!(result.shape == input(i).shape)) result.shape = join_shapes(*this, result.shape, input(i).shape);
    join_dtypes(*this, result, input(i));
  }
  return result;
}

NodeType elementwise_shape(const Inference& inference) { return inference.broadcast(); }

}  // namespace thalweg
