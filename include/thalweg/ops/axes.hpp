#pragma once
#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <span>

#include <thalweg/shape.hpp>

namespace thalweg {

/// The axes along which an op works: all of them unless some are given. Both `{}` and `Axes()` mean all.
class Axes {
 public:
  constexpr Axes() = default;
  constexpr Axes(int axis) : count_(1) { axes_[0] = axis; }
  /// IndexError for more than 8 axes.
  Axes(std::initializer_list<int> axes) : Axes(std::span<const int>(axes.begin(), axes.size())) {}
  Axes(std::span<const int> axes);
  /// A std::vector, std::array or another contiguous range of int.
  template <std::convertible_to<std::span<const int>> Range>
  Axes(const Range& axes) : Axes(std::span<const int>(axes)) {}
  bool all() const { return count_ < 0; }
  const int* begin() const { return axes_.data(); }
  const int* end() const { return axes_.data() + count_; }

 private:
  std::array<int, Shape::max_rank> axes_{};
  int count_ = -1;
};

namespace internal {
template <class A>
concept AxisOrAxes = std::convertible_to<A, Axes> && !std::same_as<A, bool>;
}  // namespace internal

/// An axis or a range of axes, as the argument of a reduction. Not made from braces, which may as well be options, nor from
/// a bool: for `sum(x, true)` write `sum(x, {.keep_dimensions = true})`, or give an axis first.
class AxesArgument {
 public:
  template <internal::AxisOrAxes A>
  constexpr AxesArgument(const A& axes) : axes_(axes) {}
  constexpr operator const Axes&() const { return axes_; }

 private:
  Axes axes_;
};

/// The single axis along which an op works.
class OneAxis {
 public:
  constexpr OneAxis(int axis) : axis_(axis) {}
  template <std::same_as<bool> Flag>
  OneAxis(Flag) = delete;  // for `sum(x, true)` write `sum(x, {.keep_dimensions = true})`, or give an axis first
  constexpr operator int() const { return axis_; }

 private:
  int axis_;
};

}  // namespace thalweg
