#pragma once
// How an op is described to the engine. For authors of ops, inside and outside the library; see docs/custom_ops.md.

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

/// What the engine knows about an op: planning and running depend on its kind, never on its name.
enum class Kind : std::uint8_t {
  source,       // a leaf: constant, number, parameter, flat buffer of a registry
  elementwise,  // a kernel applied to each element; operands broadcast
  reduction,    // sum, product, maximum or minimum over axes
  broadcast,    // repetition along axes
  view,         // some of the same elements in another shape or order: reshape, permute, slice
  contraction,  // matmul
  random,       // a draw of random numbers
  effect,       // assign
  opaque,       // any function on whole buffers
};

/// Shape and dtype of a node. Numbers have a weak dtype, which yields to the dtype of a tensor operand.
struct NodeType {
  Shape shape;
  DType dtype = DType::f32;
  bool weak = false;
};

/// The argument of a shape rule. The rule reports errors with `fail_*`, which name the op and the user's line.
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

  /// The broadcast shape of all inputs and their common dtype: numbers and bools yield to the dtypes of other inputs.
  /// DtypeError for two different tensor dtypes, or a fraction combined with i64.
  NodeType broadcast() const;

 private:
  const char* op_;
  SourceLine line_;
  std::uint64_t attribute_;
  std::span<const NodeType> inputs_;
};

using ShapeRule = NodeType (*)(const Inference&);

struct Op;

/// The argument of a gradient rule: Vars of the current tape.
struct Pullback {
  Var gradient;  // with respect to the output, in its shape
  Var output;
  std::span<const Var> inputs;
  std::uint64_t attribute = 0;
  int index = 0;  // of the input to differentiate by

  const Var& input(int index) const { return inputs[static_cast<std::size_t>(index)]; }
};

/// An op's gradient rule for one input: the mathematics only, in the same ops that users call. The engine accumulates
/// terms, sums over broadcast dimensions, and skips what is not needed. Since the rule itself records nodes, it yields
/// derivatives of every order.
using PullbackRule = Var (*)(const Pullback&);

/// The argument of an opaque kernel: contiguous buffers. If the kernel throws, the request has no effect.
struct OpaqueCall {
  std::span<const void* const> inputs;
  std::span<const NodeType> input_types;
  void* output;
  const NodeType& output_type;
  std::uint64_t attribute;
  const internal::Recorder* recorder;
  std::int32_t node;

  /// For error messages: the op the user called, with the layers around it ("affine1/matmul"), and the line of the call. Looked
  /// up only when called.
  std::string op() const;
  SourceLine line() const;
};
using OpaqueKernel = void (*)(const OpaqueCall&);

/// How a view reads its input: output[i0, i1, …] = input[offset + i0·strides[0] + i1·strides[1] + …].
struct StridedView {
  std::array<std::int64_t, Shape::max_rank> strides{};
  std::int64_t offset = 0;
};
/// The strides of a view op, or of a broadcast (strides of 0). `numbers` are the values of its inputs after the first,
/// such as the start of a slice. They are data: changing them needs no new plan.
using ViewRule = StridedView (*)(const Shape& input, const Shape& output, std::uint64_t attribute,
                                 std::span<const double> numbers);

/// Attribute of a reduction: one bit per reduced axis, and whether reduced axes stay as dimensions of 1.
constexpr std::uint64_t axes_bits = 0xFF, keep_dimensions_bit = 1 << 8;
/// Attribute of a contraction: which factor is read transposed. A third input C is added: C + A·B.
constexpr std::uint64_t transpose_a_bit = 1, transpose_b_bit = 2;

/// An elementwise op that a contraction can apply to its results, with the same bits: an activation, or the gradient of
/// one, whose second input is the activation's output.
enum class Epilogue : std::uint8_t { none, relu, tanh, sigmoid, relu_gradient, tanh_gradient };

enum class ReductionKind : std::uint8_t { sum, product, maximum, minimum };

/// The description of one primitive: a constant in the op's file, written with designated initializers. Every op has a
/// name, a kind, a shape rule and, if it is differentiable, pullbacks; the other members belong to the kinds that their
/// comments name. docs/custom_ops.md shows one op of each sort.
struct Op {
  const char* name = "";
  Kind kind = Kind::opaque;
  ShapeRule shape_rule = nullptr;
  /// One rule per input. An input without a rule (null, or beyond the list) gets no gradient.
  std::array<PullbackRule, 4> pullbacks{};
  /// Instead of `pullbacks`: one rule for all inputs, which reads Pullback::index. An input for which it returns an
  /// empty Var gets no gradient.
  PullbackRule every_pullback = nullptr;
  /// Whether the sum of two nodes of this op with the same attribute equals one node with the inputs of both. A sum of
  /// gradients is then one node: the gradients of a thousand slices of x are written into one tensor of zeros.
  bool sums_by_joining = false;
  const ElementKernel* kernel = nullptr;  // elementwise
  ReductionKind reduction{};              // reduction
  ViewRule view_rule = nullptr;           // view, broadcast
  OpaqueKernel opaque_kernel = nullptr;   // opaque
  /// elementwise: the contraction that computes the first input may apply this op to its results.
  Epilogue epilogue = Epilogue::none;
  /// random: standard normal rather than uniform in [0, 1).
  bool normal = false;
  /// opaque: the kernel may throw (an index out of range, a failed factorization).
  bool can_fail = false;
  /// elementwise: the output is bool for any input dtype (comparisons).
  bool gives_bool = false;
};

/// The gradient rule of `op` for input `index`; null if it has none.
inline PullbackRule pullback_rule(const Op& op, std::size_t index) {
  if (op.every_pullback != nullptr) return op.every_pullback;
  return index < op.pullbacks.size() ? op.pullbacks[index] : nullptr;
}

/// The shape rule of most elementwise ops: broadcasts the shapes and joins the dtypes.
NodeType elementwise_shape(const Inference& inference);

namespace internal {
/// A number that `record` takes as an operand, not as an attribute.
template <class Number>
concept NumberOperand = std::is_arithmetic_v<Number> && !std::is_same_v<Number, std::uint64_t>;
}  // namespace internal

/// Records `op` on the current tape and returns its node. If the op's shape rule throws, nothing is recorded. TapeError
/// without a current tape, or for an operand of another one. An attribute is a std::uint64_t (see attribute_of); a
/// number of any other type is an operand: record(op, a, 2) has two operands.
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

/// With up to 255 inputs.
Var record(const Op& op, std::span<const Var> inputs, std::uint64_t attribute, SourceLine line);

/// A draw from `random`. It takes the next draw number now, so every evaluation of the node gives the same numbers.
Var record_draw(const Op& op, Random& random, const Shape& shape, DType dtype, SourceLine line);

/// A number that is part of the structure, such as the 1/N of a mean: another number needs another plan.
Var literal(double number);

/// An attribute that stands for `shape`, and back. Equal shapes give equal attributes, whose three lowest bits are 0:
/// an axis fits there.
std::uint64_t shape_attribute(const Shape& shape);
const Shape& attribute_shape(std::uint64_t attribute);

/// gradient · derivative, but 0 where the gradient is exactly 0, even if the derivative is inf or NaN there.
Var chain(const Operand& gradient, const Operand& derivative);

/// x converted to `dtype`: toward zero from fractions to i64, x ≠ 0 to bool (NaN is true). d/dx: the gradient,
/// converted back. ValueError on evaluation for an element that i64 cannot hold (NaN, ±inf, outside [−2⁶³, 2⁶³)),
/// naming the first one and its index. (NumPy warns and gives the lowest i64.)
Var cast(const Operand& x, DType dtype);

/// 0, 1, …, count − 1 along the last axis, in the dtype of the other operand: for comparing with a label, say.
Var column_index(std::int64_t count, SourceLine line = {});

/// The Var of an operand; records a leaf unless the operand is a Var. TapeError naming `op` without a current tape, or
/// for a Var of another one.
Var as_var(const Operand& operand, const char* op = "Var");

}  // namespace thalweg
