#pragma once
// The op table: one row per op, or per form of an op, from which its checks are generated.
//
// Adding an op "log2":
//   1. In the file of its family, exponential_rows.cpp, add to `rows`:
//          {.op = "log2",
//           .function = unary(log2),
//           .elementwise = true,
//           .domains = {{0.1, 8}},                                    // where gradients are checked: without kinks
//           .reference = "mp.log(x, 2)",                              // the value, in Python; see references/
//           .points = {{{0}, -inf, {inf}}, {{-1}, nan}, {{inf}, inf, {0}}, {{-inf}, nan}, {{nan}, nan}}},
//   2. tests/ops/references/record exponential
//      evaluates `reference` to 50 digits at inputs drawn from the row, and writes the values to references/recorded.
//   3. tests/run "op table*"
// A new family is a new file like the others, with its function in the list below and in table.cpp.
// An op that is not elementwise gives `shapes` (at least three), and `examples` instead of `points`. An op with options
// has a row for each form that matters; the function contains the options:
//          {.op = "sum",
//           .form = "over axis 1",
//           .function = [](Inputs x) { return sum(x[0], 1); },
//           .domains = {{}},
//           .shapes = {{{2, 3}}, {{2, 1, 4}}, {{0, 3}}},
//           .reference = "np.sum(x, axis=1)"},
// An op that draws random numbers creates its Random in the function, so that each call gives the same numbers.
//
// Checks generated from a row (checks.hpp): values against the recorded reference in f64 and f32, planned and eager, on
// each SIMD target; gradients of first and second order against differences; f32 against f64; every tail length; points
// and examples; planned against eager and fused against unfused, bitwise; 1 thread against 2; errors and their texts. A
// public op without a row fails the suite, as does a row that lacks something its op requires.

#include <functional>
#include <limits>
#include <span>
#include <string>
#include <typeindex>
#include <vector>

#include <thalweg/error.hpp>
#include <thalweg/ops/ops.hpp>

namespace thalweg::op_table {

inline constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

using Inputs = std::span<const Var>;
using Function = std::function<Var(Inputs)>;

/// Calls the op with its first inputs.
Function unary(Var (*op)(const Operand&));
Function binary(Var (*op)(const Operand&, const Operand&));
Function ternary(Var (*op)(const Operand&, const Operand&, const Operand&));

/// The domain from which an input's elements are drawn.
struct Domain {
  double low = -2, high = 2;
  DType dtype = DType::f64;        // f64: a floating-point number, of the dtype being checked; i64 or boolean
  std::vector<double> avoid = {};  // kinks, from which elements keep a distance
  bool fixed = false;              // not differentiated, such as targets or weights of a loss
};

/// The dtypes that an op accepts; each must work, and others must give a DtypeError.
enum class Dtypes : std::uint8_t { fractions, numbers, any };

/// The permitted error of a value: in ulps of the value, and in ulps of the largest element of the result (for sums, in
/// which terms cancel).
struct Accuracy {
  double ulp = 2, ulp_f32 = 4;
  double of_largest = 0;
};

/// The value of an elementwise op for one element of each input, and the gradient of each input for a cotangent of 1.
/// Gradients that are not given are not checked.
struct Point {
  std::vector<double> inputs;
  double value;
  std::vector<double> gradients = {};
};

/// The value of an op for whole inputs (f64 inputs are also tried in f32), and its gradients for a cotangent of ones.
struct Example {
  std::vector<Tensor> inputs;
  Tensor value;
  std::vector<Tensor> gradients = {};
};

/// A call that must throw exactly this type and text, apart from the source line.
struct Mistake {
  std::vector<Tensor> inputs;
  std::type_index error;
  std::string text;
  Function function = {};  // instead of the row's function, for other options
};

struct Row {
  std::string op;         // its name in the header
  std::string form = "";  // distinguishes the rows of an op
  Function function;
  bool elementwise = false;  // implies the checks of shapes, tails and broadcasting
  bool only_f64 = false;     // for draws, whose numbers differ between dtypes
  Dtypes dtypes = Dtypes::fractions;
  std::vector<Domain> domains = {};             // of each input
  std::vector<Domain> range = {};               // of the inputs of references, if larger than the domains
  std::vector<std::vector<Shape>> shapes = {};  // of all inputs, for each case
  std::vector<std::vector<Shape>> large = {};   // with enough work for two threads
  /// A Python expression of the inputs x, y, z, w, with mpmath (mp), NumPy (np) on arrays of exact numbers, and
  /// formulas.py. For an elementwise op, of one element.
  std::string reference = "";
  Accuracy accuracy = {};
  std::vector<Point> points = {};
  std::vector<Example> examples = {};
  std::vector<Mistake> mistakes = {};
  bool differences = true;  // false if gradients are not those of the values (stop_gradient, parameters from inputs)
};

/// "sum over axis 1"
std::string name_of(const Row& row);

/// The rows of one family of ops (one header).
struct Family {
  const char* name;
  std::vector<Row> rows;
};

Family activation_family();
Family arithmetic_family();
Family convolution_family();
Family cumulative_family();
Family exponential_family();
Family indexing_family();
Family linear_algebra_family();
Family logic_family();
Family loss_family();
Family matmul_family();
Family normalization_family();
Family pooling_family();
Family random_family();
Family reduction_family();
Family resize_family();
Family shape_family();
Family sorting_family();
Family special_family();
Family trigonometric_family();

const std::vector<Family>& families();

/// Inputs and the value they give.
struct Recorded {
  std::vector<Tensor> inputs;
  Tensor value;
};
/// The values for `row` in tests/ops/references/recorded; empty if there are none.
const std::vector<Recorded>& recorded(const Row& row);

/// Elements drawn from `domain`, the same for the same arguments: up to 101 elements are distinct, and also differ from
/// those of other inputs. Fractions are representable in f32.
Tensor draw(const Domain& domain, const Shape& shape, int input);
/// One drawn input per domain; `whole`: i64 in place of fractions.
std::vector<Tensor> draw_inputs(const Row& row, std::span<const Shape> shapes, bool whole = false);
/// The row's shapes, or those at which every elementwise op is checked.
const std::vector<std::vector<Shape>>& shapes_of(const Row& row);
/// The shapes of the inputs for which references are recorded.
std::vector<std::vector<Tensor>> reference_inputs(const Row& row);

/// f64 literals.
Tensor doubles(std::initializer_list<internal::Literal> values);
Tensor scalar(double value);

}  // namespace thalweg::op_table
