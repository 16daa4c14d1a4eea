#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

/// The mistakes of `pool`, called with an image and options.
template <class Options>
std::vector<Mistake> mistakes(const std::string& op, Var (*pool)(const Operand&, const HeightWidth&, const Options&)) {
  const std::string name = "[" + op + "] ";
  const auto with = [pool](const HeightWidth& kernel, const Options& options) {
    return [=](Inputs x) { return pool(x[0], kernel, options); };
  };
  const Tensor image = Tensor::zeros({1, 2, 4, 5}, DType::f64);
  return {{{Tensor::zeros({4, 5}, DType::f64)},
           typeid(ShapeError),
           name + "the input must have 4 axes, its shape is (4, 5)"},
          {{scalar(1)}, typeid(ShapeError), name + "the input must have 4 axes, its shape is ()"},
          {{image},
           typeid(ShapeError),
           name + "the kernel (5, 2) is larger than the padded image: input (1, 2, 4, 5)",
           with({5, 2}, {})},
          {{image}, typeid(ValueError), name + "kernel is 0; it must be at least 1", with({2, 0}, {})},
          {{image}, typeid(ValueError), name + "stride is 0; it must be at least 1", with(2, {.stride = 0})},
          {{image}, typeid(ValueError), name + "padding is -1; it must be at least 0", with(2, {.padding = -1})},
          {{image},
           typeid(ValueError),
           name + "padding is 2; it must be at most half of the kernel's extent, 3",
           with(3, {.padding = {1, 2}})}};
}

std::vector<Row> rows() {
  const std::vector<std::vector<Shape>> images = {
      {{2, 2, 4, 4}}, {{1, 1, 2, 2}}, {{1, 2, 5, 3}}, {{0, 2, 4, 4}}, {{2, 0, 4, 4}}};
  return {
      {.op = "max_pool2d",
       .function = [](Inputs x) { return max_pool2d(x[0], 2); },
       .domains = {{}},
       .shapes = images,
       .large = {{{3, 5, 75, 91}}},
       .reference = "max_pool2d(x, (2, 2), (2, 2))",
       .accuracy = {0, 0},
       .examples =
           {// The first of equal elements has the gradient.
            {{Tensor::full({1, 1, 2, 2}, 3., DType::f64)},
             Tensor::full({1, 1, 1, 1}, 3., DType::f64),
             {Tensor({{{{1., 0.}, {0., 0.}}}}, DType::f64)}},
            {{Tensor::full({1, 1, 2, 2}, -inf, DType::f64)},
             Tensor::full({1, 1, 1, 1}, -inf, DType::f64),
             {Tensor({{{{1., 0.}, {0., 0.}}}}, DType::f64)}},
            {{Tensor({{{{1., nan}, {nan, inf}}}}, DType::f64)},
             Tensor::full({1, 1, 1, 1}, nan, DType::f64),
             {Tensor({{{{0., 1.}, {0., 0.}}}}, DType::f64)}}},
       .mistakes = mistakes<MaxPool2dOptions>("max_pool2d", max_pool2d)},
      {.op = "max_pool2d",
       .form = "of overlapping windows",
       .function =
           [](Inputs x) {
             return max_pool2d(x[0], {3, 2}, {.stride = {2, 1}, .padding = 1});
           },
       .domains = {{}},
       .shapes = {{{2, 1, 5, 4}}, {{1, 1, 1, 1}}, {{1, 1, 2, 40}}},
       .reference = "max_pool2d(x, (3, 2), (2, 1), (1, 1))",
       .accuracy = {0, 0}},
      {.op = "max_pool2d",
       .form = "with gaps",
       .function =
           [](Inputs x) {
             return max_pool2d(x[0], 2, {.stride = 3, .padding = 1, .dilation = {1, 2}});
           },
       .domains = {{}},
       .shapes = {{{2, 1, 5, 4}}, {{1, 2, 2, 3}}, {{1, 1, 2, 43}}},
       .reference = "max_pool2d(x, (2, 2), (3, 3), (1, 1), (1, 2))",
       .accuracy = {0, 0}},
      {.op = "average_pool2d",
       .function = [](Inputs x) { return average_pool2d(x[0], 2); },
       .domains = {{}},
       .shapes = images,
       .large = {{{3, 5, 75, 91}}},
       .reference = "average_pool2d(x, (2, 2), (2, 2))",
       .accuracy = {2, 2, 2},
       .mistakes = mistakes<AveragePool2dOptions>("average_pool2d", average_pool2d)},
      {.op = "average_pool2d",
       .form = "of overlapping windows",
       .function =
           [](Inputs x) {
             return average_pool2d(x[0], {3, 2}, {.stride = {2, 1}, .padding = 1});
           },
       .domains = {{}},
       .shapes = {{{2, 1, 5, 4}}, {{1, 1, 1, 1}}, {{1, 1, 2, 40}}},
       .reference = "average_pool2d(x, (3, 2), (2, 1), (1, 1))",
       .accuracy = {2, 2, 2}},
      {.op = "average_pool2d",
       .form = "of what lies in the image",
       .function =
           [](Inputs x) {
             return average_pool2d(x[0], {2, 3}, {.stride = {1, 3}, .padding = 1, .count_include_padding = false});
           },
       .domains = {{}},
       .shapes = {{{2, 1, 5, 4}}, {{1, 1, 1, 1}}, {{1, 1, 2, 61}}},
       .reference = "average_pool2d(x, (2, 3), (1, 3), (1, 1), False)",
       .accuracy = {2, 2, 2}},
  };
}

}  // namespace

Family pooling_family() { return {"pooling", rows()}; }

}  // namespace thalweg::op_table
