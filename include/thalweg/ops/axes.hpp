#pragma once
#include <array>
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

}  // namespace thalweg
