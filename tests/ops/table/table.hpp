#pragma once
// The op table: a row for each op (or for each of its forms), from which its checks are generated.
//
// Adding an op "log2":
//   1. In the file of its family, exponential_rows.cpp, add to `rows`:
//          {.op = "log2",
//           .function = unary(log2),
//           .elementwise = true,
//           .domains = {{0.1, 8}},                                    // where gradients are checked: no kinks in it
//           .reference = "mp.log(x, 2)",                              // what the value is, in Python; see references/
//           .points = {{{0}, -inf, {inf}}, {{-1}, nan}, {{inf}, inf, {0}}, {{-inf}, nan}, {{nan}, nan}}},
//   2. tests/ops/references/record exponential
//      evaluates `reference` to 50 digits at inputs drawn from the row and writes them to references/recorded.
//   3. tests/run "op table*"
// A new family is a file like the others, and its function in the list below and in table.cpp.
// An op that is not elementwise says its `shapes` (three at least) and `examples` in place of `points`. An op with
// attributes has a row for each form that matters; the function holds the attributes:
//          {.op = "sum",
//           .form = "over axis 1",
//           .function = [](Inputs x) { return sum(x[0], 1); },
//           .domains = {{}},
//           .shapes = {{{2, 3}}, {{2, 1, 4}}, {{0, 3}}},
//           .reference = "np.sum(x, axis=1)"},
// An op that draws makes its Random in the function, so that each call gives the same numbers.
//
// Generated from a row (checks.hpp): value against the recorded reference in f64 and f32, planned and eager, on each SIMD
// target; gradients of first and second order against differences; f32 against f64; every tail length; points and
// examples; planned against eager and a chain against the op alone, bitwise; 1 thread against 2; errors with their texts.
// A public op without a row fails the suite, as does a row that leaves out what its op must say.

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

/// The op on its first inputs.
Function unary(Var (*op)(const Operand&));
Function binary(Var (*op)(const Operand&, const Operand&));
Function ternary(Var (*op)(const Operand&, const Operand&, const Operand&));

/// Where an input's elements are drawn from.
struct Domain {
  double low = -2, high = 2;
  DType dtype = DType::f64;        // f64: a fraction, of whatever dtype is checked; i64: whole numbers; or boolean
  std::vector<double> avoid = {};  // kinks: no element comes near these
  bool fixed = false;              // not differentiated: targets, weights of a loss
};

/// Which dtypes an op takes; each must work, and the others give a DtypeError.
enum class Dtypes : std::uint8_t { fractions, numbers, any };

/// The errors allowed against the exact value, in units in the last place of it, and of the largest element beside it
/// (for sums, in which terms cancel).
struct Accuracy {
  double ulp = 2, ulp_f32 = 4;
  double of_largest = 0;
};

/// What an elementwise op gives for one element of each input. Gradients (of each input, for a cotangent of 1): stated
/// where they are defined; none: not checked.
struct Point {
  std::vector<double> inputs;
  double value;
  std::vector<double> gradients = {};
};

/// What an op gives for whole inputs (f64 ones are tried in f32 too). Gradients for a cotangent of ones.
struct Example {
  std::vector<Tensor> inputs;
  Tensor value;
  std::vector<Tensor> gradients = {};
};

/// A use that must throw exactly this type and text (the place in the program left out).
struct Mistake {
  std::vector<Tensor> inputs;
  std::type_index error;
  std::string text;
  Function function = {};  // in place of the row's: other attributes
};

struct Row {
  std::string op;         // its name in the header
  std::string form = "";  // tells rows of one op apart
  Function function;
  bool elementwise = false;  // each element by itself, operands broadcast: shapes, tails, broadcasting follow
  bool only_f64 = false;     // other dtypes give other numbers altogether: draws
  Dtypes dtypes = Dtypes::fractions;
  std::vector<Domain> domains = {};             // of each input
  std::vector<Domain> range = {};               // of the inputs of references, where these go further than gradients
  std::vector<std::vector<Shape>> shapes = {};  // of all inputs, in turn
  std::vector<std::vector<Shape>> large = {};   // enough work for two threads
  /// A Python expression of the inputs x, y, z, w: mpmath (mp), NumPy (np) on arrays of exact numbers, formulas.py. Of an
  /// elementwise op: of one element.
  std::string reference = "";
  Accuracy accuracy = {};
  std::vector<Point> points = {};
  std::vector<Example> examples = {};
  std::vector<Mistake> mistakes = {};
  bool differences = true;  // false: its gradients are not those of its values (a stop, parameters made of the inputs)
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
Family cumulative_family();
Family exponential_family();
Family indexing_family();
Family logic_family();
Family loss_family();
Family matmul_family();
Family normalization_family();
Family random_family();
Family reduction_family();
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
/// What tests/ops/references/recorded has for `row`; empty if it has nothing.
const std::vector<Recorded>& recorded(const Row& row);

/// Elements drawn from `domain`, the same for the same arguments: distinct for up to 101 elements, and those of other
/// inputs lie between them. Fractions are numbers of f32.
Tensor draw(const Domain& domain, const Shape& shape, int input);
/// A drawn input for each domain; `whole`: as i64, where the domain has fractions.
std::vector<Tensor> draw_inputs(const Row& row, std::span<const Shape> shapes, bool whole = false);
/// The row's shapes, or those that every elementwise op is checked at.
const std::vector<std::vector<Shape>>& shapes_of(const Row& row);
/// Of the inputs that references are recorded for.
std::vector<std::vector<Tensor>> reference_inputs(const Row& row);

/// Literals of f64.
Tensor doubles(std::initializer_list<internal::Literal> values);
Tensor scalar(double value);

}  // namespace thalweg::op_table
