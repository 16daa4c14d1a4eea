#pragma once
// How an op is described to the engine: for authors of ops, in the library and outside it.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>

#include <thalweg/element_kernel.hpp>
#include <thalweg/random.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

/// What the engine knows an op by.
enum class Kind : std::uint8_t {
  source,       // a leaf: constant, number, parameter, buffer of a registry
  elementwise,  // a kernel on each element; operands broadcast
  reduction,    // sum, product, maximum or minimum over axes
  broadcast,    // repeats along axes
  view,         // the same elements in another shape or order: reshape, permute, slice
  contraction,  // matmul
  random,       // a draw
  effect,       // assign
  opaque,       // a function on whole buffers
};

/// Shape and dtype of a node. A weak dtype is a number's: it gives way to the dtype of the tensor beside it.
struct NodeType {
  Shape shape;
  DType dtype = DType::f32;
  bool weak = false;
};

/// What a shape rule sees. It throws through `fail*`, which name the op and the user's line.
class Inference {
 public:
  Inference(const char* op, SourceLine line, std::uint64_t attribute, std::span<const NodeType> inputs)
      : op_(op), line_(line), attribute_(attribute), inputs_(inputs) {}

  int count() const { return static_cast<int>(inputs_.size()); }
  const NodeType& input(int index) const { return inputs_[static_cast<std::size_t>(index)]; }
  const Shape& shape(int index) const { return input(index).shape; }
  std::uint64_t attribute() const { return attribute_; }
  const char* op() const { return op_; }
  SourceLine line() const { return line_; }

  [[noreturn]] void fail_shape(const std::string& message) const;
  [[noreturn]] void fail_dtype(const std::string& message) const;
  [[noreturn]] void fail_index(const std::string& message) const;

  /// The broadcast shape of all inputs and their common dtype: numbers and bools give way to the dtype beside them.
  /// DtypeError for two different number dtypes, or a fraction beside i64.
  NodeType broadcast() const;

 private:
  const char* op_;
  SourceLine line_;
  std::uint64_t attribute_;
  std::span<const NodeType> inputs_;
};

using ShapeRule = NodeType (*)(const Inference&);

struct Op;

/// What a gradient rule sees, all as Vars of the current tape.
struct Pullback {
  Var gradient;  // of the output, and of its shape
  Var output;
  std::span<const Var> inputs;
  std::uint64_t attribute = 0;
  int index = 0;  // of the input whose gradient is asked for

  const Var& input(int index) const { return inputs[static_cast<std::size_t>(index)]; }
};

/// An op's gradient rule for one input: says only the mathematics, with the same ops that users call. The engine
/// accumulates, sums over broadcast dimensions, and skips what is not needed. Because it writes tape, one rule gives
/// derivatives of every order.
using PullbackRule = Var (*)(const Pullback&);

/// What an opaque kernel sees: contiguous buffers. It may throw; then nothing of the request has happened.
struct OpaqueCall {
  std::span<const void* const> inputs;
  std::span<const NodeType> input_types;
  void* output;
  const NodeType& output_type;
  std::uint64_t attribute;
  const internal::Recorder* recorder;
  std::int32_t node;

  /// What an error names: the op that the user called, and the line. They are looked up when they are asked for.
  const char* op() const;
  SourceLine line() const;
};
using OpaqueKernel = void (*)(const OpaqueCall&);

/// Where the elements of a view lie in its input: output[i0, i1, …] = input[offset + i0·strides[0] + i1·strides[1] + …].
struct StridedView {
  std::array<std::int64_t, Shape::max_rank> strides{};
  std::int64_t offset = 0;
};
/// A view op (or a broadcast: strides of 0) as strides; `numbers` are the values of its inputs after the first (the start
/// of a slice), which are data: changing them makes no new plan.
using ViewRule = StridedView (*)(const Shape& input, const Shape& output, std::uint64_t attribute,
                                 std::span<const double> numbers);

/// Attribute of a reduction: which axes it is over, a bit for each, and whether they stay as dimensions of 1.
constexpr std::uint64_t axes_bits = 0xFF, keep_dimensions_bit = 1 << 8;
/// Attribute of a contraction: which factor is read transposed. A third input is where the sums start: C + A·B.
constexpr std::uint64_t transpose_a_bit = 1, transpose_b_bit = 2;

/// An op that a contraction can apply to its finished sums, with the same bits: an activation, or the gradient of one, whose
/// second input is what the activation has made.
enum class Epilogue : std::uint8_t { none, relu, tanh, sigmoid, relu_gradient, tanh_gradient };

enum class ReductionKind : std::uint8_t { sum, product, maximum, minimum };

/// A constant that describes one primitive, written in the op's file with designated initializers. Every op has a name,
/// a kind, a shape rule and, where it has gradients, pullbacks; each of the other members belongs to the kind that its
/// comment names. docs/custom_ops.md shows one op of each sort.
struct Op {
  const char* name = "";
  Kind kind = Kind::opaque;
  ShapeRule shape_rule = nullptr;
  /// A rule per input; null (or beyond the list): the input gets no gradient.
  std::array<PullbackRule, 4> pullbacks{};
  /// In place of `pullbacks`: one rule for all inputs, which reads Pullback::index. Where it returns an empty Var the
  /// input gets no gradient.
  PullbackRule every_pullback = nullptr;
  /// Whether two nodes of this op with the same attribute add up to one node of it that has the inputs of both. Sums of
  /// gradients then become one node: those of a thousand slices of x are a thousand pieces laid into zeros at once.
  bool sums_by_joining = false;
  const ElementKernel* kernel = nullptr;  // elementwise
  ReductionKind reduction{};              // reduction
  ViewRule view_rule = nullptr;           // view, broadcast
  OpaqueKernel opaque_kernel = nullptr;   // opaque
  /// elementwise: the contraction that computes its first input may apply it to its finished sums.
  Epilogue epilogue = Epilogue::none;
  /// random: standard normal rather than uniform in [0, 1).
  bool normal = false;
  /// An opaque kernel that may throw (an index out of range, a failed factorization).
  bool can_fail = false;
  /// The output has dtype bool whatever the inputs' (comparisons).
  bool gives_bool = false;
};

/// The gradient rule of `op` for input `index`; null where it has none.
inline PullbackRule pullback_rule(const Op& op, std::size_t index) {
  if (op.every_pullback != nullptr) return op.every_pullback;
  return index < op.pullbacks.size() ? op.pullbacks[index] : nullptr;
}

/// The shape rule of elementwise ops: broadcast the shapes, join the dtypes.
NodeType elementwise_shape(const Inference& inference);

namespace internal {
/// What is an operand where an attribute could stand.
template <class Number>
concept NumberOperand = std::is_arithmetic_v<Number> && !std::is_same_v<Number, std::uint64_t>;
}  // namespace internal

/// Records `op` on the current tape and returns its node. Throws what the op's shape rule throws, with nothing recorded.
/// TapeError: no current tape, or an operand of another one. An attribute is a std::uint64_t (attribute_of makes one);
/// any other number is an operand: record(op, a, 2) has two.
Var record(const Op& op, const Operand& a, std::uint64_t attribute = 0);
Var record(const Op& op, const Operand& a, const Operand& b, std::uint64_t attribute = 0);
Var record(const Op& op, const Operand& a, const Operand& b, const Operand& c, std::uint64_t attribute = 0);
template <internal::NumberOperand Number>
Var record(const Op& op, const Operand& a, Number b) {
  return record(op, a, Operand(b, a.line().file, a.line().line));
}
template <internal::NumberOperand Number>
Var record(const Op& op, const Operand& a, const Operand& b, Number c) {
  return record(op, a, b, Operand(c, a.line().file, a.line().line));
}
template <internal::NumberOperand Number>
Var record(const Op& op, const Operand& a, const Operand& b, const Operand& c, Number) = delete;  // a fourth operand

/// Any number of inputs (more than three are held beside the node).
Var record(const Op& op, std::span<const Var> inputs, std::uint64_t attribute, SourceLine line);

/// A draw of `shape` from `random`, whose next draw number it takes: the same numbers in every reading of the node.
Var record_draw(const Op& op, Random& random, const Shape& shape, DType dtype, SourceLine line);

/// A number that is part of the structure, e.g. 1/N of a mean: changing it makes another plan.
Var literal(double number);

/// The id of `shape` for use in an attribute, and back. Equal shapes have equal ids, whose three lowest bits are free: an
/// axis fits there.
std::uint64_t shape_attribute(const Shape& shape);
const Shape& attribute_shape(std::uint64_t attribute);

/// gradient · derivative, in which a gradient of exactly 0 stays 0 even where the derivative is inf or NaN.
Var chain(const Operand& gradient, const Operand& derivative);

/// x converted to `dtype`: towards zero from fractions to i64, x ≠ 0 to bool (NaN is true). d/dx: the gradient, converted
/// back. ValueError when it is computed, naming the first element and its place, for one that has no i64 value: NaN, ±inf,
/// −2⁶³ and 2⁶³ bound them (NumPy warns and gives the lowest i64).
Var cast(const Operand& x, DType dtype);

/// 0, 1, …, count − 1 along the last axis, in the dtype of the tensor beside it: what a label is compared with.
Var column_index(std::int64_t count, SourceLine line = {});

/// The Var an operand stands for: a leaf is recorded where it is not a Var yet. TapeError naming `op` where no tape is alive, or
/// for a Var of another one.
Var as_var(const Operand& operand, const char* op = "Var");

}  // namespace thalweg
