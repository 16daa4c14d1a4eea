#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

using Shapes = std::vector<std::vector<Shape>>;

/// x without the non-finite numbers of references: factorizations reject them.
Var finite(const Var& x) { return is_floating(x.dtype()) ? where(isfinite(x), x, 0) : x; }

/// x with so much added to its diagonals that its symmetric part is positive definite, and x well conditioned.
Var dominant(const Var& x) {
  const std::int64_t n = x.shape().back();
  const Var number = column_index(n) * cast(Var(1.), DType::f64), all = finite(x);
  return where(reshape(number, {n, 1}) == number, all + (8 + n), all);
}

/// Only where the op takes fractions: for i64 and bool the error must be its own.
Function on_dominant(Var (*op)(const Operand&)) {
  return [op](Inputs x) { return op(is_floating(x[0].dtype()) ? dominant(x[0]) : x[0]); };
}

/// With the rows in reverse order, so that elimination needs pivots.
Var reversed(const Var& x) { return is_floating(x.dtype()) && x.rank() > 1 ? flip(dominant(x), -2) : x; }

/// The shapes that `op` rejects, and a matrix for which there is no value.
std::vector<Mistake> mistakes_of(Var (*op)(const Operand&), const std::string& name, const Tensor& matrix,
                                 const std::string& text) {
  const Function function = [op](Inputs x) { return op(x[0]); };
  std::vector<Mistake> mistakes;
  for (const Tensor& x : {scalar(1), doubles({1.}), doubles({{1., 2.}})})
    mistakes.push_back({{x},
                        typeid(ShapeError),
                        "[" + name + "] a " + to_string(x.shape()) + " is not a square matrix, nor a batch of them",
                        function});
  mistakes.push_back({{matrix}, typeid(ValueError), "[" + name + "] " + text, function});
  return mistakes;
}

std::vector<Row> rows() {
  const Shapes squares = {{{3, 3}}, {{2, 3, 3}}, {{2, 1, 2, 2}}, {{0, 0}}, {{0, 2, 2}}},
               large = {{{130, 130}}, {{70, 20, 20}}};
  const Domain positive{.low = 0.5, .high = 2};
  const Shapes systems = {{{3, 3}, {3, 2}},          {{3, 3}, {3}},    {{2, 2, 2}, {2, 3}}, {{2, 2}, {3, 2, 1}},
                          {{2, 1, 2, 2}, {3, 2, 2}}, {{0, 0}, {0, 2}}, {{2, 2}, {2, 0}}};
  const Shapes large_systems = {{{130, 130}, {130, 40}}, {{70, 20, 20}, {20, 30}}};
  const Tensor some = doubles({{2., 1.}, {1., 3.}}), one = doubles({1.});
  const std::string is_not_square = "a is not a square matrix, nor a batch of them: ";
  const auto mistakes_of_system = [&](const std::string& op) -> std::vector<Mistake> {
    return {
        {{one, one}, typeid(ShapeError), "[" + op + "] " + is_not_square + "a (1,), b (1,)"},
        {{doubles({{1., 2.}}), one}, typeid(ShapeError), "[" + op + "] " + is_not_square + "a (1, 2), b (1,)"},
        {{some, one}, typeid(ShapeError), "[" + op + "] a and b have different numbers of rows: a (2, 2), b (1,)"},
        {{some, scalar(1)}, typeid(ShapeError), "[" + op + "] b has no dimensions: a (2, 2), b ()"},
        {{Tensor::ones({2, 1, 1}, DType::f64), Tensor::ones({3, 1, 1}, DType::f64)},
         typeid(ShapeError),
         "[" + op + "] the leading dimensions do not broadcast: a (2, 1, 1), b (3, 1, 1)"},
        {{some, Tensor{{1.}, {2.}}}, typeid(DtypeError), "[" + op + "] dtypes differ: a f64, b f32; cast one of them"}};
  };
  std::vector<Mistake> of_triangular = mistakes_of_system("solve_triangular"), of_solve = mistakes_of_system("solve");
  of_triangular.push_back({{doubles({{1., 0.}, {1., 0.}}), doubles({1., 1.})},
                           typeid(ValueError),
                           "[solve_triangular] the matrix is singular: row 1 has a 0 on its diagonal"});
  of_triangular.push_back({{doubles({{{1.}}, {{0.}}}), doubles({1.})},
                           typeid(ValueError),
                           "[solve_triangular] matrix 1 of the batch is singular: row 0 has a 0 on its diagonal"});
  of_solve.push_back(
      {{doubles({{1., 2.}, {2., 4.}}), doubles({1., 1.})}, typeid(ValueError), "[solve] the matrix is singular"});
  const auto triangular = [&](const char* form, const TriangularOptions& options, const std::string& reference) {
    return Row{.op = "solve_triangular",
               .form = form,
               .function =
                   [options](Inputs x) {
                     const bool grows = is_floating(x[0].dtype()) && x[0].rank() > 1 && !options.unit_diagonal;
                     return solve_triangular(grows ? dominant(x[0]) : finite(x[0]), finite(x[1]), options);
                   },
               .domains = {{.low = -1, .high = 1}, {}},
               .shapes = systems,
               .reference = reference,
               .accuracy = {8, 8, 8}};
  };
  const Tensor singular = doubles({{1., 2.}, {2., 4.}});
  std::vector<Mistake> of_cholesky =
      mistakes_of(cholesky, "cholesky", doubles({{1., 2.}, {2., 1.}}),
                  "the matrix is not positive definite: its leading minor of order 2 is not");
  of_cholesky.push_back(
      {{doubles({{{1.}}, {{nan}}})},
       typeid(ValueError),
       "[cholesky] matrix 1 of the batch is not positive definite: its leading minor of order 1 is not",
       [](Inputs x) { return cholesky(x[0]); }});
  Row lower = triangular("dominant", {}, "solve(np.tril(dominant(x)), finite(y))");
  lower.large = large_systems;
  // The first row of each op is that of plain numbers as 1 × 1 matrices, on which it works directly.
  const Shapes numbers = {{{1, 1}}, {{3, 1, 1}}, {{2, 1, 1, 1}}, {{0, 1, 1}}};
  const Shapes systems_of_numbers = {{{1, 1}, {1, 1}}, {{3, 1, 1}, {1, 2}}, {{1, 1}, {1}}, {{1, 1}, {0, 1, 2}}};
  return {
      {.op = "cholesky",
       .function = unary(cholesky),
       .domains = {positive},
       .shapes = numbers,
       .reference = "cholesky(x)",
       .mistakes = of_cholesky},
      {.op = "cholesky",
       .form = "of a dominant matrix",
       .function = on_dominant(cholesky),
       .domains = {{}},
       .shapes = squares,
       .large = large,
       .reference = "cholesky(dominant(x))",
       .accuracy = {4, 4, 4}},
      {.op = "solve_triangular",
       .function = [](Inputs x) { return solve_triangular(x[0], x[1]); },
       .domains = {positive, {}},
       .shapes = systems_of_numbers,
       .reference = "solve(x, y)",
       .mistakes = of_triangular},
      lower,
      triangular("upper", {.lower = false}, "solve(np.triu(dominant(x)), finite(y))"),
      triangular("transposed", {.transposed = true}, "solve(np.swapaxes(np.tril(dominant(x)), -1, -2), finite(y))"),
      triangular("upper, transposed, unit diagonal", {.lower = false, .transposed = true, .unit_diagonal = true},
                 "solve(np.swapaxes(np.triu(finite(x), 1) + identity(x), -1, -2), finite(y))"),
      {.op = "solve",
       .function = binary(solve),
       .domains = {positive, {}},
       .shapes = systems_of_numbers,
       .reference = "solve(x, y)",
       .mistakes = of_solve},
      {.op = "solve",
       .form = "with pivots",
       .function = [](Inputs x) { return solve(reversed(x[0]), finite(x[1])); },
       .domains = {{}, {}},
       .shapes = systems,
       .large = large_systems,
       .reference = "solve(dominant(x)[..., ::-1, :], finite(y))",
       .accuracy = {8, 8, 8}},
      {.op = "inverse",
       .function = unary(inverse),
       .domains = {positive},
       .shapes = numbers,
       .reference = "1 / x",
       .mistakes = mistakes_of(inverse, "inverse", singular, "the matrix is singular")},
      {.op = "inverse",
       .form = "of a dominant matrix",
       .function = on_dominant(inverse),
       .domains = {{}},
       .shapes = squares,
       .large = large,
       .reference = "solve(dominant(x), identity(x))",
       .accuracy = {8, 8, 8}},
      {.op = "log_determinant",
       .function = unary(log_determinant),
       .domains = {positive},
       .shapes = numbers,
       .reference = "log_determinant(x)",
       .accuracy = {2, 4, 1},
       .mistakes = mistakes_of(log_determinant, "log_determinant", singular, "the matrix is singular")},
      {.op = "log_determinant",
       .form = "with pivots",
       .function = [](Inputs x) { return log_determinant(reversed(x[0])); },
       .domains = {{}},
       .shapes = squares,
       .large = large,
       .reference = "log_determinant(dominant(x))",
       .accuracy = {4, 4, 4}},
  };
}

}  // namespace

Family linear_algebra_family() { return {"linear_algebra", rows()}; }

}  // namespace thalweg::op_table
