#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

struct Form {
  const char* name;
  int axis;
  CumulativeOptions options;
  const char* arguments;  // of running
};
const Form forms[] = {
    {"", 0, {}, ""},
    {"of rows, from the end", -1, {.reverse = true}, ", reverse=True"},
    {"exclusive", 0, {.exclusive = true}, ", exclusive=True"},
    {"of rows, exclusive, from the end", -1, {.reverse = true, .exclusive = true}, ", reverse=True, exclusive=True"},
};

using Cumulative = Var (*)(const Operand&, int, const CumulativeOptions&);

std::vector<Row> cumulative(const char* op, Cumulative function, const char* formula, const Accuracy& accuracy) {
  std::vector<Row> rows;
  for (const Form& form : forms)
    rows.push_back({.op = op,
                    .form = form.name,
                    .function = [function, &form](Inputs x) { return function(x[0], form.axis, form.options); },
                    .dtypes = Dtypes::any,
                    .domains = {{}},
                    .shapes = {{{7}}, {{3, 4}}, {{2, 3, 2}}, {{1}}, {{0}}, {{3, 0}}, {{0, 3}}},
                    .large = {{{300, 301}}},
                    .reference = std::string("along(lambda x: running(") + formula + form.arguments + "), x, " +
                                 std::to_string(form.axis) + ")",
                    .accuracy = accuracy});
  const std::string name = std::string("[") + op + "] ";
  rows.front().mistakes = {{{scalar(1)}, typeid(IndexError), name + "axis 0 is out of range for shape ()"},
                           {{doubles({{1., 2.}})},
                            typeid(IndexError),
                            name + "axis -3 is out of range for shape (1, 2)",
                            [function](Inputs x) { return function(x[0], -3, {}); }}};
  return rows;
}

std::vector<Row> rows() {
  std::vector<Row> all = cumulative("cumulative_sum", cumulative_sum, "lambda a, b: a + b, x, 0", {2, 2, 2});
  std::vector<Row> products = cumulative("cumulative_product", cumulative_product, "lambda a, b: a * b, x, 1", {8, 8});
  products.front().examples = {{{doubles({2., 0., 3., 4.})}, doubles({2., 0., 0., 0.}), {doubles({1., 32., 0., 0.})}}};
  all.insert(all.end(), products.begin(), products.end());
  return all;
}

}  // namespace

Family cumulative_family() { return {"cumulative", rows()}; }

}  // namespace thalweg::op_table
