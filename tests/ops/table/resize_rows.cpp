#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

Function resize(const HeightWidth& size, const ResizeOptions& options = {}) {
  return [=](Inputs x) { return resize2d(x[0], size, options); };
}
Function upsample(const HeightWidth& factor, const ResizeOptions& options = {}) {
  return [=](Inputs x) { return upsample2d(x[0], factor, options); };
}

std::vector<Row> rows() {
  const Tensor image = Tensor::zeros({1, 2, 3, 4}, DType::f64), integers = Tensor::zeros({1, 2, 3, 4}, DType::i64);
  const std::vector<std::vector<Shape>> images = {{{2, 2, 3, 4}}, {{1, 1, 1, 1}}, {{1, 2, 6, 5}}, {{0, 2, 3, 3}}};
  return {
      {.op = "resize2d",
       .function = resize({4, 6}),
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = images,
       .reference = "resize2d(x, (4, 6))",
       .accuracy = {0, 0},
       .mistakes = {{{Tensor::zeros({3, 4}, DType::f64)},
                     typeid(ShapeError),
                     "[resize2d] the input must have 4 axes, its shape is (3, 4)"},
                    {{scalar(1)}, typeid(ShapeError), "[resize2d] the input must have 4 axes, its shape is ()"},
                    {{Tensor::zeros({1, 2, 0, 4}, DType::f64)},
                     typeid(ShapeError),
                     "[resize2d] the image has no elements: its shape is (1, 2, 0, 4)"},
                    {{image}, typeid(ValueError), "[resize2d] the size (0, 2) must be at least 1", resize({0, 2})},
                    {{integers},
                     typeid(DtypeError),
                     "[resize2d] i64 has no fractions; cast to f32 or f64 first",
                     resize(2, {.interpolation = Interpolation::bilinear})}}},
      {.op = "resize2d",
       .form = "bilinear",
       .function = resize({5, 3}, {.interpolation = Interpolation::bilinear}),
       .domains = {{}},
       .shapes = images,
       .reference = "resize2d(x, (5, 3), True)",
       .accuracy = {4, 4, 4}},
      {.op = "resize2d",
       .form = "bilinear with aligned corners",
       .function = resize({7, 1}, {.interpolation = Interpolation::bilinear, .align_corners = true}),
       .domains = {{}},
       .shapes = images,
       .reference = "resize2d(x, (7, 1), True, True)",
       .accuracy = {4, 4, 4}},
      {.op = "upsample2d",
       .function = upsample(2),
       .dtypes = Dtypes::any,
       .domains = {{}},
       .shapes = {{{2, 2, 3, 4}}, {{1, 1, 1, 1}}, {{1, 2, 1, 37}}, {{0, 2, 3, 3}}},
       .reference = "resize2d(x, (2 * x.shape[2], 2 * x.shape[3]))",
       .accuracy = {0, 0},
       .mistakes =
           {{{Tensor::zeros({3, 4}, DType::f64)},
             typeid(ShapeError),
             "[upsample2d] the input must have 4 axes, its shape is (3, 4)"},
            {{scalar(1)}, typeid(ShapeError), "[upsample2d] the input must have 4 axes, its shape is ()"},
            {{image}, typeid(ValueError), "[upsample2d] the factor (2, 0) must be at least 1", upsample({2, 0})}}},
      {.op = "upsample2d",
       .form = "bilinear",
       .function = upsample({2, 3}, {.interpolation = Interpolation::bilinear}),
       .domains = {{}},
       .shapes = {{{2, 2, 3, 4}}, {{1, 1, 1, 1}}, {{1, 2, 1, 17}}},
       .reference = "resize2d(x, (2 * x.shape[2], 3 * x.shape[3]), True)",
       .accuracy = {4, 4, 4}},
  };
}

}  // namespace

Family resize_family() { return {"resize", rows()}; }

}  // namespace thalweg::op_table
