// Convolutions. Image, weight and result are the arguments of a trilinear form, of whose three derivatives the ops here are
// one each: every one's gradients are the other two, so derivatives of every order exist.

#include <thalweg/ops/convolution.hpp>

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <thalweg/composite.hpp>
#include <thalweg/ops/arithmetic.hpp>

#include "ops/axes.hpp"
#include "ops/convolution_kernels.hpp"
#include "ops/errors.hpp"
#include "src/core_ops/core_ops.hpp"

namespace thalweg {

namespace {

// --- the ops: their attribute is the convolution's sizes ---

Var convolution(const Pullback& p, const Var& x, const Var& weight);
Var transposed(const Pullback& p, const Var& y, const Var& weight);
Var weight_gradient(const Pullback& p, const Var& x, const Var& y);

template <Shape (Convolution::*shape)() const>
NodeType type_of_part(const Inference& inference) {
  return {(convolution_of(inference.attribute()).*shape)(), inference.input(0).dtype, false};
}

/// Inputs: x, weight.
const Op convolution_op{.name = "conv2d",
                        .kind = Kind::opaque,
                        .shape_rule = type_of_part<&Convolution::result_shape>,
                        .pullbacks = {[](const Pullback& p) { return transposed(p, p.gradient, p.input(1)); },
                                      [](const Pullback& p) { return weight_gradient(p, p.input(0), p.gradient); }},
                        .opaque_kernel = convolution_kernel};

/// The gradient of x. Inputs: that of y, weight.
const Op transpose_op{.name = "conv_transpose2d",
                      .kind = Kind::opaque,
                      .shape_rule = type_of_part<&Convolution::image_shape>,
                      .pullbacks = {[](const Pullback& p) { return convolution(p, p.gradient, p.input(1)); },
                                    [](const Pullback& p) { return weight_gradient(p, p.gradient, p.input(0)); }},
                      .opaque_kernel = transposed_convolution_kernel};

/// The gradient of the weight. Inputs: x, the gradient of y.
const Op weight_op{.name = "conv2d_weight_gradient",
                   .kind = Kind::opaque,
                   .shape_rule = type_of_part<&Convolution::weight_shape>,
                   .pullbacks = {[](const Pullback& p) { return transposed(p, p.input(1), p.gradient); },
                                 [](const Pullback& p) { return convolution(p, p.input(0), p.gradient); }},
                   .opaque_kernel = convolution_weight_kernel};

Var convolution(const Pullback& p, const Var& x, const Var& weight) {
  return record(convolution_op, x, weight, p.attribute);
}
Var transposed(const Pullback& p, const Var& y, const Var& weight) {
  return record(transpose_op, y, weight, p.attribute);
}
Var weight_gradient(const Pullback& p, const Var& x, const Var& y) { return record(weight_op, x, y, p.attribute); }

// --- checks ---

/// What is wrong is reported in terms of the user's op and shapes.
class Checks {
 public:
  Checks(const char* op, const Operand& x, const Operand& weight, int rank)
      : op_(op), line_(x.line()), x_(floating_value(op, x)), weight_(floating_value(op, weight)) {
    if (x_.dtype() != weight_.dtype())
      fail<DtypeError>(
          fmt::format("dtypes differ: input {}, weight {}; cast one of them", name(x_.dtype()), name(weight_.dtype())));
    if (x_.rank() != rank || weight_.rank() != rank)
      fail<ShapeError>(fmt::format("input and weight must have {} axes: {}", rank, shapes()));
  }

  const char* op() const { return op_; }
  const Var& x() const { return x_; }
  const Var& weight() const { return weight_; }
  SourceLine line() const { return line_; }
  std::string shapes() const {
    return fmt::format("input {}, weight {}", to_string(x_.shape()), to_string(weight_.shape()));
  }

  template <class Error>
  [[noreturn]] void fail(const std::string& message) const {
    thalweg::fail<Error>(op_, message, line_);
  }

  void options(const HeightWidth& stride, const HeightWidth& padding, const HeightWidth& dilation,
               std::int64_t groups) const {
    at_least("stride", stride, 1);
    check_padding(op_, padding, line_);
    at_least("dilation", dilation, 1);
    if (groups < 1) fail<ValueError>(fmt::format("groups is {}; it must be at least 1", groups));
  }
  void at_least(const char* option, const HeightWidth& given, std::int64_t least) const {
    check_window_option(op_, option, given, least, line_);
  }

 private:
  const char* op_;
  SourceLine line_;
  Var x_, weight_;
};

Var with_bias(const Checks& checks, const Var& y, const Operand& bias) {
  const Var value = floating_value(checks.op(), bias);
  const std::int64_t filters = y.shape()[1];
  if (!(value.shape() == Shape{filters}))
    checks.fail<ShapeError>(
        fmt::format("the bias has shape {}, not ({},): {}", to_string(value.shape()), filters, checks.shapes()));
  Shape along{filters, 1, 1};
  if (y.rank() == 3) along = {filters, 1};
  return y + internal::reshape(value, along);
}

Precision precision_for(const Var& x) { return x.dtype() == DType::f32 ? matmul_precision() : Precision::highest; }

Var convolve(const Checks& checks, const Var& x, const Var& weight, const Conv2dOptions& options) {
  checks.options(options.stride, options.padding, options.dilation, options.groups);
  const Shape &image = x.shape(), &filters = weight.shape();
  const std::int64_t groups = options.groups;
  if (filters[0] % groups != 0)
    checks.fail<ShapeError>(
        fmt::format("{} groups do not divide the weight's {} filters: {}", groups, filters[0], checks.shapes()));
  if (image[1] % groups != 0 || image[1] / groups != filters[1])
    checks.fail<ShapeError>(fmt::format("the input has {} channels, the weight takes {}{}: {}", image[1], filters[1],
                                        groups > 1 ? fmt::format(" in each of {} groups", groups) : "",
                                        checks.shapes()));
  const Windows windows{
      windows_along(image[2], filters[2], options.stride.height, options.padding.height, options.dilation.height),
      windows_along(image[3], filters[3], options.stride.width, options.padding.width, options.dilation.width)};
  if (filters[2] == 0 || filters[3] == 0)
    checks.fail<ShapeError>(fmt::format("the kernel is empty: {}", checks.shapes()));
  if (windows[0].count == 0 || windows[1].count == 0)
    checks.fail<ShapeError>(fmt::format("the kernel is larger than the padded image: {}", checks.shapes()));
  checked_shape(checks.op(), {image[0], filters[0], windows[0].count, windows[1].count}, checks.line());
  return record(convolution_op, Operand(x, checks.line()), weight,
                interned(Convolution{image[0], groups, filters[1], filters[0] / groups, windows, precision_for(x)}));
}

std::int64_t image_of(const Checks& checks, const WindowAxis& axis, std::int64_t output_padding) {
  const __int128 size = static_cast<__int128>(axis.count - 1) * axis.stride +
                        static_cast<__int128>(axis.kernel - 1) * axis.dilation + 1 - 2 * axis.padding + output_padding;
  if (axis.kernel < 1 || axis.count < 1 || size < 1)
    checks.fail<ShapeError>(fmt::format("the result would be empty: {}", checks.shapes()));
  if (size > std::numeric_limits<std::int64_t>::max())
    checks.fail<ShapeError>(fmt::format("the result would be too large: {}", checks.shapes()));
  return static_cast<std::int64_t>(size);
}

Var convolve_transposed(const Checks& checks, const ConvTranspose2dOptions& options) {
  checks.options(options.stride, options.padding, options.dilation, options.groups);
  checks.at_least("padding", options.padding, 0);  // not same_padding
  checks.at_least("output_padding", options.output_padding, 0);
  const Shape &result = checks.x().shape(), &filters = checks.weight().shape();
  const std::int64_t groups = options.groups;
  if (options.output_padding.height >= std::max(options.stride.height, options.dilation.height) ||
      options.output_padding.width >= std::max(options.stride.width, options.dilation.width))
    checks.fail<ValueError>("output_padding must be less than stride or dilation");
  if (result[1] != filters[0])
    checks.fail<ShapeError>(
        fmt::format("the input has {} channels, the weight takes {}: {}", result[1], filters[0], checks.shapes()));
  if (filters[0] % groups != 0)
    checks.fail<ShapeError>(
        fmt::format("{} groups do not divide the input's {} channels: {}", groups, filters[0], checks.shapes()));
  Windows windows{
      WindowAxis{0, filters[2], result[2], options.stride.height, options.padding.height, options.dilation.height},
      WindowAxis{0, filters[3], result[3], options.stride.width, options.padding.width, options.dilation.width}};
  windows[0].image = image_of(checks, windows[0], options.output_padding.height);
  windows[1].image = image_of(checks, windows[1], options.output_padding.width);
  std::int64_t channels = 0;
  if (__builtin_mul_overflow(filters[1], groups, &channels))
    checks.fail<ShapeError>(fmt::format("the result would be too large: {}", checks.shapes()));
  checked_shape(checks.op(), {result[0], channels, windows[0].image, windows[1].image}, checks.line());
  return record(
      transpose_op, Operand(checks.x(), checks.line()), checks.weight(),
      interned(Convolution{result[0], groups, filters[1], filters[0] / groups, windows, precision_for(checks.x())}));
}

/// (n, channels, length) as images of height 1.
Var as_images(const Var& x) { return internal::reshape(x, Shape{x.shape()[0], x.shape()[1], 1, x.shape()[2]}); }

Var convolve_rows(const Checks& checks, const Conv1dOptions& options) {
  const Var y = convolve(checks, as_images(checks.x()), as_images(checks.weight()),
                         {.stride = {1, options.stride},
                          .padding = {0, options.padding},
                          .dilation = {1, options.dilation},
                          .groups = options.groups});
  return internal::reshape(y, Shape{y.shape()[0], y.shape()[1], y.shape()[3]});
}

}  // namespace

Var conv2d(const Operand& x, const Operand& weight, const Conv2dOptions& options) {
  const Checks checks("conv2d", x, weight, 4);
  return convolve(checks, checks.x(), checks.weight(), options);
}

Var conv2d(const Operand& x, const Operand& weight, const Operand& bias, const Conv2dOptions& options) {
  const OpScope scope("conv2d", x.line());
  const Checks checks("conv2d", x, weight, 4);
  return with_bias(checks, convolve(checks, checks.x(), checks.weight(), options), bias);
}

Var conv1d(const Operand& x, const Operand& weight, const Conv1dOptions& options) {
  const OpScope scope("conv1d", x.line());
  return convolve_rows(Checks("conv1d", x, weight, 3), options);
}

Var conv1d(const Operand& x, const Operand& weight, const Operand& bias, const Conv1dOptions& options) {
  const OpScope scope("conv1d", x.line());
  const Checks checks("conv1d", x, weight, 3);
  return with_bias(checks, convolve_rows(checks, options), bias);
}

Var conv_transpose2d(const Operand& x, const Operand& weight, const ConvTranspose2dOptions& options) {
  return convolve_transposed(Checks("conv_transpose2d", x, weight, 4), options);
}

Var conv_transpose2d(const Operand& x, const Operand& weight, const Operand& bias,
                     const ConvTranspose2dOptions& options) {
  const OpScope scope("conv_transpose2d", x.line());
  const Checks checks("conv_transpose2d", x, weight, 4);
  return with_bias(checks, convolve_transposed(checks, options), bias);
}

}  // namespace thalweg
