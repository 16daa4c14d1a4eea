#include <thalweg/ops/resize.hpp>

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/indexing.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "ops/errors.hpp"

namespace thalweg {

namespace {

Var nearest(const Var& x, int axis, std::int64_t to) {
  const std::int64_t from = x.shape()[axis];
  if (to % from == 0) return repeat(x, to / from, axis);
  std::vector<std::int64_t> sources;
  for (std::int64_t i = 0; i < to; ++i) sources.push_back(i * from / to);
  return gather(x, Tensor::from(sources), axis);
}

Var bilinear(const Var& x, int axis, std::int64_t to, bool align_corners) {
  const std::int64_t from = x.shape()[axis];
  std::vector<std::int64_t> before, after;
  std::vector<double> shares;  // of the element after
  // The position as a fraction of integers, so that the shares are as exact as doubles can be.
  const std::int64_t below = align_corners ? std::max<std::int64_t>(to - 1, 1) : 2 * to;
  for (std::int64_t i = 0; i < to; ++i) {
    const std::int64_t above = align_corners ? i * (from - 1) : std::max<std::int64_t>((2 * i + 1) * from - to, 0);
    before.push_back(above / below);
    after.push_back(std::min(before.back() + 1, from - 1));
    shares.push_back(static_cast<double>(above % below) / static_cast<double>(below));
  }
  const Shape along = axis == 2 ? Shape{to, 1} : Shape{to};
  const Tensor share = Tensor::from(shares, along).to(x.dtype());
  return gather(x, Tensor::from(before), axis) * (1 - Var(share)) + gather(x, Tensor::from(after), axis) * share;
}

Var resized(const char* op, const Operand& x, Var value, const HeightWidth& size, const ResizeOptions& options) {
  if (size.height < 1 || size.width < 1)
    fail<ValueError>(op, fmt::format("the size ({}, {}) must be at least 1", size.height, size.width), x.line());
  if (value.shape()[2] == 0 || value.shape()[3] == 0)
    fail<ShapeError>(op, fmt::format("the image has no elements: its shape is {}", to_string(value.shape())), x.line());
  const bool is_nearest = options.interpolation == Interpolation::nearest;
  if (!is_nearest) value = floating_value(op, Operand(value, x.line()));
  for (const int axis : {2, 3}) {
    const std::int64_t to = axis == 2 ? size.height : size.width;
    if (to == value.shape()[axis]) continue;
    value = is_nearest ? nearest(value, axis, to) : bilinear(value, axis, to, options.align_corners);
  }
  return value;
}

Var image(const char* op, const Operand& x) {
  const Var value = as_var(x, op);
  if (value.rank() != 4)
    fail<ShapeError>(op, fmt::format("the input must have 4 axes, its shape is {}", to_string(value.shape())),
                     x.line());
  return value;
}

}  // namespace

Var resize2d(const Operand& x, const HeightWidth& size, const ResizeOptions& options) {
  const OpScope scope("resize2d", x.line());
  return resized("resize2d", x, image("resize2d", x), size, options);
}

Var upsample2d(const Operand& x, const HeightWidth& factor, const ResizeOptions& options) {
  const OpScope scope("upsample2d", x.line());
  const Var value = image("upsample2d", x);
  if (factor.height < 1 || factor.width < 1)
    fail<ValueError>("upsample2d", fmt::format("the factor ({}, {}) must be at least 1", factor.height, factor.width),
                     x.line());
  const HeightWidth size(value.shape()[2] * factor.height, value.shape()[3] * factor.width);
  return resized("upsample2d", x, value, size, options);
}

}  // namespace thalweg
