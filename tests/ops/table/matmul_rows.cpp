#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

Row triangle(const std::string& op, const char* form, const Function& function, const std::string& kept) {
  Row row{.op = op,
          .form = form,
          .function = function,
          .dtypes = Dtypes::any,
          .domains = {{}},
          .shapes = {{{3, 3}}, {{2, 4}}, {{2, 4, 3}}, {{1, 1}}, {{1, 4}}, {{0, 3}}},
          .reference = "np.where(np.arange(x.shape[-1]) - np.arange(x.shape[-2])[:, None] " + kept +
                       ", x, 0 if x.size and isinstance(x.reshape(-1)[0], int) else mp.mpf(0))",
          .accuracy = {0, 0}};
  if (row.form.empty())
    row.mistakes = {{{scalar(1)}, typeid(ShapeError), "[" + op + "] shape () is not a matrix"},
                    {{doubles({1.})}, typeid(ShapeError), "[" + op + "] shape (1,) is not a matrix"}};
  return row;
}

/// tril far from the diagonal: where a thousandth of a row's number, or of a row's and the diagonal's, is another column.
Row far_triangle(const char* form, const Shape& shape, std::int64_t offset) {
  Tensor kept = Tensor::ones(shape, DType::f64);
  for (std::int64_t row = 0; row < shape[0]; ++row)
    for (std::int64_t column = 0; column < shape[1]; ++column)
      if (column - row > offset) kept.set<double>({row, column}, 0);
  return {.op = "tril",
          .form = form,
          .function = [offset](Inputs x) { return tril(x[0], offset); },
          .dtypes = Dtypes::any,
          .domains = {{}},
          .shapes = {{{3, 3}}, {{2, 4}}, {{1, 1}}},
          .examples = {{{Tensor::ones(shape, DType::f64)}, kept, {kept}}}};
}

std::vector<Row> rows() {
  return {
      {.op = "matmul",
       .function = binary(matmul),
       .domains = {{}, {}},
       .shapes = {{{3, 4}, {4, 5}},
                  {{1, 1}, {1, 1}},
                  {{1, 7}, {7, 2}},
                  {{5, 1}, {1, 3}},
                  {{2, 0}, {0, 3}},
                  {{0, 2}, {2, 3}},
                  {{17, 9}, {9, 19}}},
       .large = {{{130, 140}, {140, 150}}},
       .reference = "matmul(x, y)",
       .accuracy = {4, 4, 4},
       .mistakes = {{{doubles({{1., 2.}}), doubles({{1., 2.}})},
                     typeid(ShapeError),
                     "[matmul] inner dimensions differ: lhs (1, 2), rhs (1, 2)"},
                    {{scalar(1), doubles({{1.}})},
                     typeid(ShapeError),
                     "[matmul] a factor has no dimensions: lhs (), rhs (1, 1)"},
                    {{Tensor::zeros({2, 1, 2}, DType::f64), Tensor::zeros({3, 2, 1}, DType::f64)},
                     typeid(ShapeError),
                     "[matmul] batch dimensions do not broadcast: lhs (2, 1, 2), rhs (3, 2, 1)"},
                    {{doubles({1., 2., 3.}), doubles({{1., 2.}})},
                     typeid(ShapeError),
                     "[matmul] inner dimensions differ: lhs (3,), rhs (1, 2)"}}},
      {.op = "matmul",
       .form = "of batches",
       .function = binary(matmul),
       .domains = {{}, {}},
       .shapes = {{{2, 3, 4}, {2, 4, 2}},
                  {{2, 3, 4}, {4, 2}},
                  {{3, 4}, {2, 4, 2}},
                  {{2, 1, 2, 3}, {3, 3, 2}},
                  {{1, 2, 1}, {3, 1, 2}},
                  {{0, 2, 3}, {3, 2}},
                  {{2, 2, 0}, {2, 0, 3}}},
       .large = {{{40, 33, 30}, {40, 30, 35}}, {{3, 130, 140}, {140, 70}}},
       .reference = "matmul(x, y)",
       .accuracy = {4, 4, 4}},
      {.op = "matmul",
       .form = "of permuted batches",
       .function =
           [](Inputs x) {
             return matmul(permute(x[0], {0, 2, 1, 3}), permute(x[1], {0, 2, 3, 1}));
           },
       .domains = {{}, {}},
       .shapes = {{{2, 3, 2, 4}, {2, 5, 2, 4}}, {{1, 3, 2, 1}, {2, 1, 2, 1}}, {{1, 1, 2, 3}, {1, 2, 2, 3}}},
       .large = {{{2, 40, 3, 33}, {2, 50, 3, 33}}},
       .reference = "matmul(x.transpose(0, 2, 1, 3), y.transpose(0, 2, 3, 1))",
       .accuracy = {4, 4, 4}},
      {.op = "matmul",
       .form = "of a vector on the left",
       .function = binary(matmul),
       .domains = {{}, {}},
       .shapes = {{{3}, {3, 4}}, {{1}, {1, 1}}, {{3}, {2, 3, 2}}, {{0}, {0, 2}}},
       .reference = "np.squeeze(matmul(x[None, :], y), -2)",
       .accuracy = {4, 4, 4}},
      {.op = "matmul",
       .form = "of a vector on the right",
       .function = binary(matmul),
       .domains = {{}, {}},
       .shapes = {{{4, 3}, {3}}, {{1, 1}, {1}}, {{2, 3, 2}, {2}}, {{2, 0}, {0}}},
       .reference = "np.squeeze(matmul(x, y[:, None]), -1)",
       .accuracy = {4, 4, 4}},
      {.op = "matmul",
       .form = "of batches, with bias and relu",
       .function = [](Inputs x) { return relu(matmul(x[0], x[1]) + x[2]); },
       .domains = {{0.1, 2}, {0.1, 2}, {0, 1}},
       .shapes = {{{2, 3, 4}, {4, 5}, {5}}, {{2, 1, 3}, {2, 3, 2}, {2}}, {{1, 2, 1}, {1, 1}, {1}}},
       .large = {{{3, 130, 140}, {140, 70}, {70}}},
       .reference = "of_each(lambda x: x if is_nan(x) else max(x, mp.mpf(0)), matmul(x, y) + z)",
       .accuracy = {4, 4, 4}},
      {.op = "dot",
       .function = binary(dot),
       .domains = {{}, {}},
       .shapes = {{{5}, {5}}, {{1}, {1}}, {{0}, {0}}, {{40}, {40}}},
       .reference = "np.squeeze(matmul(x[None, :], y[:, None]))",
       .accuracy = {4, 4, 8},
       .mistakes = {{{doubles({1., 2.}), doubles({1.})},
                     typeid(ShapeError),
                     "[dot] the lengths differ: lhs (2,), rhs (1,)"},
                    {{scalar(1), doubles({1.})}, typeid(ShapeError), "[dot] shape () is not a vector"}}},
      {.op = "outer",
       .function = binary(outer),
       .dtypes = Dtypes::numbers,
       .domains = {{}, {}},
       .shapes = {{{3}, {4}}, {{1}, {1}}, {{0}, {2}}, {{2}, {0}}},
       .reference = "x[:, None] * y",
       .accuracy = {1, 1},
       .mistakes = {{{scalar(1), doubles({1.})}, typeid(ShapeError), "[outer] shape () is not a vector"},
                    {{doubles({1.}), doubles({{1.}})}, typeid(ShapeError), "[outer] shape (1, 1) is not a vector"}}},
      {.op = "diagonal",
       .function = [](Inputs x) { return diagonal(x[0]); },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = {{{3, 3}}, {{2, 4}}, {{4, 2}}, {{1, 1}}, {{0, 3}}, {{2, 3, 2}}},
       .reference = "np.diagonal(x)",
       .accuracy = {0, 0},
       .mistakes = {{{scalar(1)}, typeid(IndexError), "[diagonal] axis 0 is out of range for shape ()"},
                    {{doubles({{1.}})},
                     typeid(IndexError),
                     "[diagonal] axes 1 and -1 of shape (1, 1) are one",
                     [](Inputs x) { return diagonal(x[0], 0, 1, -1); }}}},
      {.op = "diagonal",
       .form = "of the last axes, above",
       .function = [](Inputs x) { return diagonal(x[0], 1, -2, -1); },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = {{{3, 3}}, {{2, 3, 4}}, {{4, 1}}},
       .reference = "np.diagonal(x, 1, -2, -1)",
       .accuracy = {0, 0}},
      {.op = "diagonal",
       .form = "below, axes exchanged",
       .function = [](Inputs x) { return diagonal(x[0], -1, 1, 0); },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = {{{3, 3}}, {{2, 4, 2}}, {{1, 4}}},
       .reference = "np.diagonal(x, -1, 1, 0)",
       .accuracy = {0, 0}},
      {.op = "trace",
       .function = [](Inputs x) { return trace(x[0]); },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = {{{3, 3}}, {{2, 4}}, {{1, 1}}, {{0, 3}}, {{2, 3, 2}}},
       .reference = "reduce_over(total, np.diagonal(x), -1)",
       .accuracy = {2, 2, 2},
       .mistakes = {{{scalar(1)}, typeid(IndexError), "[trace] axis 0 is out of range for shape ()"}}},
      triangle(
          "tril", "", [](Inputs x) { return tril(x[0]); }, "<= 0"),
      triangle(
          "tril", "above", [](Inputs x) { return tril(x[0], 1); }, "<= 1"),
      far_triangle("far below", {1001, 3}, -1000),
      far_triangle("far above", {1, 1002}, 1000),
      triangle(
          "triu", "", [](Inputs x) { return triu(x[0]); }, ">= 0"),
      triangle(
          "triu", "below", [](Inputs x) { return triu(x[0], -1); }, ">= -1"),
      {.op = "matmul",
       .form = "of transposed factors",
       .function = [](Inputs x) { return matmul(transpose(x[0]), transpose(x[1])); },
       .domains = {{}, {}},
       .shapes = {{{4, 3}, {5, 4}}, {{7, 1}, {2, 7}}, {{9, 17}, {19, 9}}},
       .large = {{{140, 130}, {150, 140}}},
       .reference = "matmul(x.T, y.T)",
       .accuracy = {4, 4, 4}},
      {.op = "matmul",
       .form = "with bias and tanh",
       .function = [](Inputs x) { return tanh(matmul(x[0], x[1]) + x[2]); },
       .domains = {{-0.7, 0.7}, {-0.7, 0.7}, {}},
       .shapes = {{{3, 4}, {4, 5}, {5}}, {{1, 7}, {7, 2}, {1, 2}}, {{5, 1}, {1, 3}, {3}}},
       .large = {{{130, 140}, {140, 150}, {150}}},
       .reference = "of_each(mp.tanh, matmul(x, y) + z)",
       .accuracy = {4, 4, 8}},
  };
}

}  // namespace

Family matmul_family() { return {"matmul", rows()}; }

}  // namespace thalweg::op_table
