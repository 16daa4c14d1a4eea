#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

using Shapes = std::vector<std::vector<Shape>>;

std::vector<Row> rows() {
  const Shapes shapes = {{{7}}, {{3, 4}}, {{2, 3, 2}}, {{1}}, {{0}}, {{3, 0}}, {{0, 3}}}, large = {{{300, 301}}};
  const Shapes of_two = {{{7}}, {{3, 4}}, {{2, 3, 2}}, {{2}}, {{0, 3}}};
  const Tensor ties = doubles({3., 1., nan, 1., nan}), x = doubles({{1., 2., 3.}});
  return {
      {.op = "argsort",
       .function = [](Inputs x) { return argsort(x[0]); },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = shapes,
       .large = large,
       .reference = "along(order, x, -1)",
       .examples = {{{ties}, Tensor{1, 3, 0, 2, 4}}},
       .mistakes = {{{scalar(1)}, typeid(IndexError), "[argsort] axis -1 is out of range for shape ()"}}},
      {.op = "argsort",
       .form = "of columns, descending",
       .function = [](Inputs x) { return argsort(x[0], {.axis = 0, .descending = true}); },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = shapes,
       .large = large,
       .reference = "along(lambda x: order(x, True), x, 0)",
       .examples = {{{ties}, Tensor{2, 4, 0, 1, 3}}}},
      {.op = "sort",
       .function = [](Inputs x) { return sort(x[0]).values; },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = shapes,
       .large = large,
       .reference = "along(lambda x: [x[i] for i in order(x)], x, -1)",
       .accuracy = {0, 0},
       .mistakes = {{{scalar(1)}, typeid(IndexError), "[sort] axis -1 is out of range for shape ()"}}},
      {.op = "sort",
       .form = "of columns, descending",
       .function = [](Inputs x) { return sort(x[0], {.axis = 0, .descending = true}).values; },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = shapes,
       .reference = "along(lambda x: [x[i] for i in order(x, True)], x, 0)",
       .accuracy = {0, 0}},
      {.op = "top_k",
       .function = [](Inputs x) { return top_k(x[0], 2, {.axis = x[0].rank() == 1 ? 0 : 1}).values; },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = of_two,
       .large = large,
       .reference = "first_along(lambda x: [x[i] for i in order(x, True)], x, 1 if x.ndim > 1 else 0, 2)",
       .accuracy = {0, 0},
       .mistakes = {{{x},
                     typeid(IndexError),
                     "[top_k] k is 4; axis -1 has size 3",
                     [](Inputs x) { return top_k(x[0], 4).values; }},
                    {{x},
                     typeid(IndexError),
                     "[top_k] k is -1; axis 0 has size 1",
                     [](Inputs x) { return top_k(x[0], -1, {.axis = 0}).values; }},
                    {{scalar(1)},
                     typeid(IndexError),
                     "[top_k] axis -1 is out of range for shape ()",
                     [](Inputs x) { return top_k(x[0], 1).values; }}}},
      {.op = "top_k",
       .form = "of one",
       .function = [](Inputs x) { return top_k(x[0], 1).values; },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = {{{1}}, {{3, 1}}, {{4, 5}}},
       .reference = "first_along(lambda x: [x[i] for i in order(x, True)], x, -1, 1)",
       .accuracy = {0, 0}},
      {.op = "top_k",
       .form = "smallest, their places",
       .function = [](Inputs x) { return top_k(x[0], 2, {.largest = false}).indices; },
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = {{{7}}, {{3, 4}}, {{2, 3, 2}}},
       .reference = "first_along(order, x, -1, 2)"},
  };
}

}  // namespace

Family sorting_family() { return {"sorting", rows()}; }

}  // namespace thalweg::op_table
