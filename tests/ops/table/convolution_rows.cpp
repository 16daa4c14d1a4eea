#include <limits>

#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

Tensor zeros_of(const Shape& shape) { return Tensor::zeros(shape, DType::f64); }

/// `shapes` of x and weight, with a bias for each filter.
std::vector<std::vector<Shape>> with_bias(std::vector<std::vector<Shape>> shapes) {
  for (std::vector<Shape>& of_case : shapes) of_case.push_back(Shape{of_case[1][0]});
  return shapes;
}

const std::vector<std::vector<Shape>> images = {
    {{2, 3, 5, 4}, {4, 3, 3, 2}},                                // channels and filters
    {{1, 1, 3, 4}, {1, 1, 3, 4}},                                // the kernel is as large as the image
    {{2, 3, 3, 2}, {2, 3, 1, 1}},                                // a single element
    {{2, 1, 4, 4}, {3, 1, 2, 2}}, {{1, 2, 3, 3}, {1, 2, 2, 2}},  // one channel, one filter
    {{0, 2, 3, 3}, {2, 2, 2, 2}}, {{2, 0, 3, 3}, {2, 0, 2, 2}}, {{2, 2, 3, 3}, {0, 2, 2, 2}}};

std::vector<Row> rows_of_conv2d() {
  const Mistake mistakes[] = {
      {{zeros_of({2, 3, 5, 5}), zeros_of({4, 2, 3, 3})},
       typeid(ShapeError),
       "[conv2d] the input has 3 channels, the weight takes 2: input (2, 3, 5, 5), weight (4, 2, 3, 3)"},
      {{zeros_of({2, 4, 5, 5}), zeros_of({4, 4, 3, 3})},
       typeid(ShapeError),
       "[conv2d] the input has 4 channels, the weight takes 4 in each of 2 groups: input (2, 4, 5, 5), weight (4, 4, "
       "3, 3)",
       [](Inputs x) { return conv2d(x[0], x[1], {.groups = 2}); }},
      {{zeros_of({2, 3, 5, 5}), zeros_of({4, 1, 3, 3})},
       typeid(ShapeError),
       "[conv2d] 3 groups do not divide the weight's 4 filters: input (2, 3, 5, 5), weight (4, 1, 3, 3)",
       [](Inputs x) { return conv2d(x[0], x[1], {.groups = 3}); }},
      {{zeros_of({2, 3, 4, 5}), zeros_of({4, 3, 5, 5})},
       typeid(ShapeError),
       "[conv2d] the kernel is larger than the padded image: input (2, 3, 4, 5), weight (4, 3, 5, 5)"},
      {{zeros_of({2, 3, 6, 6}), zeros_of({4, 3, 3, 3})},
       typeid(ShapeError),
       "[conv2d] the kernel is larger than the padded image: input (2, 3, 6, 6), weight (4, 3, 3, 3)",
       [](Inputs x) {
         return conv2d(x[0], x[1], {.padding = {0, 1}, .dilation = 3});
       }},
      {{zeros_of({2, 3, 4, 5}), zeros_of({4, 3, 0, 2})},
       typeid(ShapeError),
       "[conv2d] the kernel is empty: input (2, 3, 4, 5), weight (4, 3, 0, 2)"},
      {{zeros_of({3, 4, 5}), zeros_of({4, 3, 5, 5})},
       typeid(ShapeError),
       "[conv2d] input and weight must have 4 axes: input (3, 4, 5), weight (4, 3, 5, 5)"},
      {{scalar(1), zeros_of({4, 3, 5, 5})},
       typeid(ShapeError),
       "[conv2d] input and weight must have 4 axes: input (), weight (4, 3, 5, 5)"},
      {{zeros_of({2, 3, 5, 5}), zeros_of({4, 3, 3, 3})},
       typeid(ValueError),
       "[conv2d] stride is 0; it must be at least 1",
       [](Inputs x) {
         return conv2d(x[0], x[1], {.stride = {1, 0}});
       }},
      {{zeros_of({2, 3, 5, 5}), zeros_of({4, 3, 3, 3})},
       typeid(ValueError),
       "[conv2d] padding is -1; it must be at least 0",
       [](Inputs x) { return conv2d(x[0], x[1], {.padding = -1}); }},
      {{zeros_of({2, 3, 5, 5}), zeros_of({4, 3, 3, 3})},
       typeid(ValueError),
       "[conv2d] dilation is 0; it must be at least 1",
       [](Inputs x) { return conv2d(x[0], x[1], {.dilation = 0}); }},
      {{zeros_of({2, 3, 5, 5}), zeros_of({4, 3, 3, 3})},
       typeid(ValueError),
       "[conv2d] groups is 0; it must be at least 1",
       [](Inputs x) { return conv2d(x[0], x[1], {.groups = 0}); }},
      {{zeros_of({2, 3, 5, 5}), zeros_of({4, 3, 3, 3})},
       typeid(ValueError),
       "[conv2d] stride is 9223372036854775807; it must be at most 2147483647",
       [](Inputs x) { return conv2d(x[0], x[1], {.stride = std::numeric_limits<std::int64_t>::max()}); }},
      {{zeros_of({2, 3, 5, 5}).to(DType::f32), zeros_of({4, 3, 3, 3})},
       typeid(DtypeError),
       "[conv2d] dtypes differ: input f32, weight f64; cast one of them"}};
  return {
      {.op = "conv2d",
       .function = [](Inputs x) { return conv2d(x[0], x[1]); },
       .domains = {{}, {}},
       .shapes = images,
       .large = {{{3, 4, 20, 30}, {8, 4, 5, 5}}, {{2, 40, 9, 9}, {70, 40, 3, 3}}, {{4, 33, 40, 30}, {34, 33, 1, 1}}},
       .reference = "conv2d(x, y)",
       .accuracy = {4, 4, 4},
       .mistakes = {std::begin(mistakes), std::end(mistakes)}},
      {.op = "conv2d",
       .form = "with bias, stride, padding and dilation",
       .function =
           [](Inputs x) {
             return conv2d(x[0], x[1], x[2], {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}});
           },
       .domains = {{}, {}, {}},
       .shapes = with_bias({{{2, 3, 5, 4}, {4, 3, 3, 2}}, {{1, 1, 1, 1}, {1, 1, 3, 3}}, {{0, 2, 4, 4}, {2, 2, 2, 2}}}),
       .large = with_bias({{{3, 4, 40, 30}, {8, 4, 5, 5}}}),
       .reference = "conv2d(x, y, z, stride=(2, 1), padding=(1, 2), dilation=(1, 2))",
       .accuracy = {4, 4, 4},
       .mistakes = {{{zeros_of({2, 3, 5, 5}), zeros_of({4, 3, 3, 3}), zeros_of({3})},
                     typeid(ShapeError),
                     "[conv2d] the bias has shape (3,), not (4,): input (2, 3, 5, 5), weight (4, 3, 3, 3)"}}},
      {.op = "conv2d",
       .form = "with more stride and padding than the kernel is large",
       .function = [](Inputs x) { return conv2d(x[0], x[1], {.stride = 3, .padding = 4}); },
       .domains = {{}, {}},
       .shapes = {{{2, 2, 5, 6}, {3, 2, 2, 2}}, {{1, 1, 1, 2}, {1, 1, 1, 1}}, {{2, 1, 3, 3}, {2, 1, 2, 1}}},
       .reference = "conv2d(x, y, stride=(3, 3), padding=(4, 4))",
       .accuracy = {4, 4, 4}},
      {.op = "conv2d",
       .form = "of groups",
       .function = [](Inputs x) { return conv2d(x[0], x[1], {.padding = 1, .groups = 2}); },
       .domains = {{}, {}},
       .shapes = {{{2, 4, 4, 3}, {6, 2, 3, 3}}, {{2, 2, 3, 4}, {2, 1, 2, 3}}, {{1, 6, 2, 2}, {2, 3, 1, 2}}},
       .large = {{{3, 8, 40, 30}, {8, 4, 5, 5}}},
       .reference = "conv2d(x, y, padding=(1, 1), groups=2)",
       .accuracy = {4, 4, 4}},
      {.op = "conv2d",
       .form = "of each channel",
       .function = [](Inputs x) { return conv2d(x[0], x[1], {.groups = x[0].shape()[1]}); },
       .domains = {{}, {}},
       .shapes = {{{2, 3, 4, 3}, {3, 1, 3, 2}}, {{1, 3, 3, 4}, {6, 1, 2, 3}}, {{1, 2, 2, 2}, {2, 1, 1, 1}}},
       .large = {{{3, 8, 90, 80}, {8, 1, 5, 5}}},
       .reference = "conv2d(x, y, groups=x.shape[1])",
       .accuracy = {4, 4, 4}},
  };
}

std::vector<Row> rows_of_conv1d() {
  return {
      {.op = "conv1d",
       .function = [](Inputs x) { return conv1d(x[0], x[1]); },
       .domains = {{}, {}},
       .shapes = {{{2, 3, 7}, {4, 3, 3}}, {{1, 1, 4}, {1, 1, 4}}, {{2, 3, 4}, {2, 3, 1}}, {{0, 2, 4}, {2, 2, 2}}},
       .large = {{{8, 20, 300}, {9, 20, 5}}},
       .reference = "conv2d(x[:, :, None], y[:, :, None])[:, :, 0]",
       .accuracy = {4, 4, 4},
       .mistakes = {{{zeros_of({2, 3, 5}), zeros_of({4, 2, 3})},
                     typeid(ShapeError),
                     "[conv1d] the input has 3 channels, the weight takes 2: input (2, 3, 5), weight (4, 2, 3)"},
                    {{scalar(1), scalar(1)},
                     typeid(ShapeError),
                     "[conv1d] input and weight must have 3 axes: input (), weight ()"},
                    {{zeros_of({2, 3, 5, 5}), zeros_of({4, 3, 3})},
                     typeid(ShapeError),
                     "[conv1d] input and weight must have 3 axes: input (2, 3, 5, 5), weight (4, 3, 3)"},
                    {{zeros_of({2, 3, 5}), zeros_of({4, 3, 3})},
                     typeid(ValueError),
                     "[conv1d] stride is -2; it must be at least 1",
                     [](Inputs x) { return conv1d(x[0], x[1], {.stride = -2}); }}}},
      {.op = "conv1d",
       .form = "with all options",
       .function =
           [](Inputs x) { return conv1d(x[0], x[1], x[2], {.stride = 2, .padding = 3, .dilation = 2, .groups = 2}); },
       .domains = {{}, {}, {}},
       .shapes = with_bias({{{2, 4, 7}, {4, 2, 3}}, {{1, 2, 1}, {2, 1, 2}}, {{3, 6, 2}, {2, 3, 1}}}),
       .reference =
           "conv2d(x[:, :, None], y[:, :, None], z, stride=(1, 2), padding=(0, 3), dilation=(1, 2), groups=2)[:, :, 0]",
       .accuracy = {4, 4, 4},
       .mistakes = {{{zeros_of({2, 4, 5}), zeros_of({4, 2, 3}), zeros_of({1})},
                     typeid(ShapeError),
                     "[conv1d] the bias has shape (1,), not (4,): input (2, 4, 5), weight (4, 2, 3)"}}},
  };
}

std::vector<Row> rows_of_transposed() {
  const Tensor x = zeros_of({2, 4, 3, 3}), weight = zeros_of({4, 3, 2, 2});
  return {
      {.op = "conv_transpose2d",
       .function = [](Inputs x) { return conv_transpose2d(x[0], x[1]); },
       .domains = {{}, {}},
       .shapes = {{{2, 3, 3, 2}, {3, 4, 2, 3}}, {{1, 1, 1, 1}, {1, 1, 3, 4}}, {{0, 2, 3, 3}, {2, 3, 2, 2}}},
       .large = {{{3, 8, 20, 30}, {8, 4, 5, 5}}},
       .reference = "conv_transpose2d(x, y)",
       .accuracy = {4, 4, 4},
       .mistakes = {{{x, zeros_of({3, 4, 2, 2})},
                     typeid(ShapeError),
                     "[conv_transpose2d] the input has 4 channels, the weight takes 3: input (2, 4, 3, 3), weight (3, "
                     "4, 2, 2)"},
                    {{x, weight},
                     typeid(ShapeError),
                     "[conv_transpose2d] 3 groups do not divide the input's 4 channels: input (2, 4, 3, 3), weight (4, "
                     "3, 2, 2)",
                     [](Inputs x) { return conv_transpose2d(x[0], x[1], {.groups = 3}); }},
                    {{x, weight},
                     typeid(ShapeError),
                     "[conv_transpose2d] the result would be empty: input (2, 4, 3, 3), weight (4, 3, 2, 2)",
                     [](Inputs x) { return conv_transpose2d(x[0], x[1], {.padding = 2}); }},
                    {{scalar(1), weight},
                     typeid(ShapeError),
                     "[conv_transpose2d] input and weight must have 4 axes: input (), weight (4, 3, 2, 2)"},
                    {{zeros_of({2, 4, 0, 3}), weight},
                     typeid(ShapeError),
                     "[conv_transpose2d] the result would be empty: input (2, 4, 0, 3), weight (4, 3, 2, 2)"},
                    {{x, weight},
                     typeid(ValueError),
                     "[conv_transpose2d] output_padding must be less than stride or dilation",
                     [](Inputs x) {
                       return conv_transpose2d(x[0], x[1], {.stride = 2, .output_padding = {1, 2}});
                     }},
                    {{x, weight},
                     typeid(ValueError),
                     "[conv_transpose2d] output_padding is -1; it must be at least 0",
                     [](Inputs x) { return conv_transpose2d(x[0], x[1], {.output_padding = -1}); }}}},
      {.op = "conv_transpose2d",
       .form = "with all options",
       .function =
           [](Inputs x) {
             return conv_transpose2d(
                 x[0], x[1], x[2],
                 {.stride = {3, 2}, .padding = {1, 2}, .output_padding = {2, 1}, .dilation = {1, 2}, .groups = 2});
           },
       .domains = {{}, {}, {}},
       .shapes = {{{2, 4, 3, 4}, {4, 3, 3, 2}, {6}},
                  {{1, 2, 1, 2}, {2, 1, 2, 2}, {2}},
                  {{0, 2, 2, 3}, {2, 1, 2, 2}, {2}}},
       .reference =
           "conv_transpose2d(x, y, z, stride=(3, 2), padding=(1, 2), output_padding=(2, 1), dilation=(1, 2), groups=2)",
       .accuracy = {4, 4, 4}},
  };
}

std::vector<Row> rows() {
  std::vector<Row> all = rows_of_conv2d();
  for (std::vector<Row> more : {rows_of_conv1d(), rows_of_transposed()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

Family convolution_family() { return {"convolution", rows()}; }

}  // namespace thalweg::op_table
