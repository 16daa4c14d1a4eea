#pragma once
#include <array>
#include <concepts>
#include <initializer_list>
#include <span>
#include <vector>

#include <thalweg/shape.hpp>

namespace thalweg {

/// The axes that an op is over: all of them unless some are named. `{}` is all, as is `Axes()`.
class Axes {
 public:
  constexpr Axes() = default;
  constexpr Axes(int axis) : count_(1) { axes_[0] = axis; }
  /// IndexError for more than 8.
  Axes(std::initializer_list<int> axes) : Axes(std::span<const int>(axes.begin(), axes.size())) {}
  Axes(std::span<const int> axes);
  Axes(const std::vector<int>& axes) : Axes(std::span<const int>(axes)) {}
  bool all() const { return count_ < 0; }
  const int* begin() const { return axes_.data(); }
  const int* end() const { return axes_.data() + count_; }

 private:
  std::array<int, Shape::max_rank> axes_{};
  int count_ = -1;
};

/// The one axis that an op is over.
class OneAxis {
 public:
  constexpr OneAxis(int axis) : axis_(axis) {}
  template <std::same_as<bool> Flag>
  OneAxis(Flag) = delete;  // `sum(x, true)`: say `sum(x, {.keep_dimensions = true})`, or name an axis before it
  constexpr operator int() const { return axis_; }

 private:
  int axis_;
};

}  // namespace thalweg
