#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

/// A reduction over all axes and over some, with the dimensions kept or not.
struct Form {
  const char* name;
  ReductionOptions options;
  const char* arguments;  // of reduce_over
};
const Form forms[] = {
    {"", {}, ""},
    {"over axis 0", {.axes = {0}}, ", 0"},
    {"over axis 1, kept", {.axes = {1}, .keep_dimensions = true}, ", 1, keep=True"},
    {"over axes -1 and 0", {.axes = {-1, 0}}, ", (-1, 0)"},
    {"over all, kept", {.keep_dimensions = true}, ", keep=True"},
};

using Reduction = Var (*)(const Operand&, const ReductionOptions&);

/// The rows of a reduction; `formula` takes a list of numbers, and gives something of nothing where `of_nothing` says so.
std::vector<Row> reduction(const char* op, Reduction function, const char* formula, const Accuracy& accuracy,
                           Dtypes dtypes, bool of_nothing) {
  std::vector<Row> rows;
  for (const Form& form : forms) {
    Row row{.op = op,
            .form = form.name,
            .function = [function, options = form.options](Inputs x) { return function(x[0], options); },
            .dtypes = dtypes,
            .domains = {{}},
            .shapes = {{{3, 4}}, {{2, 3, 4}}, {{1, 1}}, {{1, 9}}},
            .large = {{{700, 301}}},
            .reference = std::string("reduce_over(") + formula + ", x" + form.arguments + ")",
            .accuracy = accuracy};
    if (form.options.axes.all()) row.shapes.push_back({{}});
    if (of_nothing) row.shapes.push_back({{3, 0}}), row.shapes.push_back({{0, 3}});
    rows.push_back(std::move(row));
  }
  const std::string name = std::string("[") + op + "] ";
  rows.front().mistakes = {
      {{doubles({{1., 2.}})},
       typeid(IndexError),
       name + "axis 2 is out of range for shape (1, 2)",
       [function](Inputs x) { return function(x[0], {.axes = {2}}); }},
      {{doubles({{1., 2.}})},
       typeid(IndexError),
       name + "axis -2 is named twice for shape (1, 2)",
       [function](Inputs x) {
         return function(x[0], {.axes = {0, -2}});
       }},
  };
  return rows;
}

Mistake of_nothing(const std::string& op) {
  return {{Tensor::zeros({0, 3}, DType::f64)},
          typeid(ShapeError),
          "[" + op + "] shape (0, 3) has no elements to choose from"};
}

Var variance_of(const Operand& x, const ReductionOptions& options) {
  return variance(x, {options.axes, options.keep_dimensions});
}
Var deviation_of(const Operand& x, const ReductionOptions& options) {
  return standard_deviation(x, {options.axes, options.keep_dimensions});
}
Var norm_of(const Operand& x, const ReductionOptions& options) {
  return norm(x, {2, options.axes, options.keep_dimensions});
}

std::vector<Row> rows() {
  std::vector<std::vector<Row>> all = {
      reduction("sum", sum, "total", {2, 2, 2}, Dtypes::any, true),
      reduction("mean", mean, "mean", {2, 2, 2}, Dtypes::fractions, false),
      reduction("max", max, "largest", {0, 0}, Dtypes::numbers, false),
      reduction("min", min, "smallest", {0, 0}, Dtypes::numbers, false),
      reduction("logsumexp", logsumexp, "log_sum_exp", {4, 4, 2}, Dtypes::fractions, true),
      reduction("product", product, "product", {8, 8}, Dtypes::any, true),
      reduction("any", any, "any_of", {}, Dtypes::any, true),
      reduction("all", thalweg::all, "all_of", {}, Dtypes::any, true),
      reduction("argmax", argmax, "lambda x: place_of(x, largest)", {}, Dtypes::any, false),
      reduction("argmin", argmin, "lambda x: place_of(x, smallest)", {}, Dtypes::any, false),
      reduction("variance", variance_of, "variance", {4, 8}, Dtypes::fractions, false),
      reduction("standard_deviation", deviation_of, "deviation", {4, 8}, Dtypes::fractions, false),
      reduction("norm", norm_of, "norm", {4, 8}, Dtypes::fractions, true),
  };
  Row &mean_row = all[1][0], &max_row = all[2][0], &min_row = all[3][0], &logsumexp_row = all[4][0];
  mean_row.examples = {{{Tensor::zeros({0, 3}, DType::f64)}, scalar(nan)}};
  max_row.mistakes.push_back(of_nothing("max"));
  max_row.examples = {{{doubles({3., 1., 3.})}, scalar(3), {doubles({0.5, 0., 0.5})}}};
  min_row.mistakes.push_back(of_nothing("min"));
  min_row.examples = {{{doubles({1., 3., 1.})}, scalar(1), {doubles({0.5, 0., 0.5})}}};
  logsumexp_row.examples = {{{doubles({1000., 1000.})}, scalar(1000.6931471805599), {doubles({0.5, 0.5})}},
                            {{doubles({-inf, -inf})}, scalar(-inf), {doubles({0., 0.})}},
                            {{doubles({-inf, 0.})}, scalar(0), {doubles({0., 1.})}}};
  Row &product_row = all[5][0], &argmax_row = all[8][0], &argmin_row = all[9][0];
  Row &variance_row = all[10][0], &deviation_row = all[11][0], &norm_row = all[12][0];
  product_row.examples = {{{doubles({2., 0., 3., 4.})}, scalar(0), {doubles({0., 24., 0., 0.})}},
                          {{doubles({2., 0., 0., 4.})}, scalar(0), {doubles({0., 0., 0., 0.})}}};
  argmax_row.mistakes.push_back(of_nothing("argmax"));
  argmin_row.mistakes.push_back(of_nothing("argmin"));
  // Over axes that are not neighbors; the last element is next to the extremum, or is it by little.
  all[8][3].examples = {{{doubles({{{1., 1.}, {1., 2.}}, {{1., 1.}, {1., 1.9995}}})}, Tensor{0, 1}}};
  all[9][3].examples = {{{doubles({{{1., 1.}, {1., 1.0005}}, {{1., 1.}, {2., 1.}}})}, Tensor{0, 0}},
                        {{doubles({{{2., 2.}, {2., 1.0005}}, {{2., 2.}, {2., 1.}}})}, Tensor{0, 3}}};
  Row &any_row = all[6][0], &all_row = all[7][0];
  any_row.examples = {{{doubles({0., 0., 0.})}, Tensor(false)}, {{Tensor{false, false}}, Tensor(false)}};
  all_row.examples = {{{doubles({2., nan, inf})}, Tensor(true)}, {{Tensor{true, false}}, Tensor(false)}};
  variance_row.examples = {{{Tensor::zeros({0, 3}, DType::f64)}, scalar(nan)}};
  variance_row.mistakes.push_back({{doubles({1.})}, typeid(ValueError), "[variance] ddof -1 is negative", [](Inputs x) {
                                     return variance(x[0], {.ddof = -1});
                                   }});
  deviation_row.examples = {{{Tensor::zeros({0, 3}, DType::f64)}, scalar(nan)},
                            {{scalar(3)}, scalar(0), {scalar(0)}},
                            {{doubles({3.})}, scalar(0), {doubles({0.})}},
                            {{doubles({3., 3.})}, scalar(0), {doubles({0., 0.})}}};
  // One element does not deviate: a singular point.
  for (Row& row : all[11]) row.shapes = {{{3, 4}}, {{2, 3, 4}}, {{5, 9}}};
  all[11][0].shapes.push_back({{6}});
  norm_row.examples = {{{doubles({0., 0.})}, scalar(0), {doubles({0., 0.})}},
                       {{doubles({3., -4.})}, scalar(5), {doubles({0.6, -0.8})}}};
  norm_row.mistakes.push_back({{doubles({1.})}, typeid(ValueError), "[norm] p is 0; it must be above 0", [](Inputs x) {
                                 return norm(x[0], {.p = 0});
                               }});
  const std::vector<std::vector<Shape>> shapes = {{{3, 4}}, {{2, 3, 4}}, {{5, 9}}};
  all.push_back({{.op = "variance",
                  .form = "of a sample",
                  .function = [](Inputs x) { return variance(x[0], {.axes = {1}, .ddof = 1}); },
                  .domains = {{}},
                  .shapes = shapes,
                  .reference = "reduce_over(lambda x: variance(x, 1), x, 1)",
                  .accuracy = {4, 8}},
                 {.op = "standard_deviation",
                  .form = "of a sample",
                  .function = [](Inputs x) { return standard_deviation(x[0], {.axes = {0}, .ddof = 1}); },
                  .domains = {{}},
                  .shapes = shapes,
                  .reference = "reduce_over(lambda x: deviation(x, 1), x, 0)",
                  .accuracy = {4, 8}},
                 {.op = "norm",
                  .form = "1",
                  .function = [](Inputs x) { return norm(x[0], {.p = 1, .axes = {1}}); },
                  .domains = {{}},
                  .shapes = shapes,
                  .reference = "reduce_over(lambda x: norm(x, 1), x, 1)"},
                 {.op = "norm",
                  .form = "3",
                  .function = [](Inputs x) { return norm(x[0], {.p = 3, .axes = {1}}); },
                  .domains = {{}},
                  .shapes = shapes,
                  .reference = "reduce_over(lambda x: norm(x, 3), x, 1)",
                  .accuracy = {8, 16}},
                 {.op = "norm",
                  .form = "infinity",
                  .function = [](Inputs x) { return norm(x[0], {.p = inf, .axes = {-1}, .keep_dimensions = true}); },
                  .domains = {{}},
                  .shapes = shapes,
                  .reference = "reduce_over(lambda x: norm(x, mp.inf), x, -1, keep=True)",
                  .accuracy = {0, 0}}});
  std::vector<Row> rows;
  for (const std::vector<Row>& of_one_op : all) rows.insert(rows.end(), of_one_op.begin(), of_one_op.end());
  return rows;
}

}  // namespace

Family reduction_family() { return {"reduction", rows()}; }

}  // namespace thalweg::op_table
