#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include <thalweg/error.hpp>

namespace thalweg {

/// The dimensions of a tensor: at most 8, each ≥ 0, stored inline. Rank 0 is a scalar of one element.
class Shape {
 public:
  static constexpr int max_rank = 8;

  constexpr Shape() = default;
  /// Throws ShapeError for more than 8 dimensions, a negative one, or an element count that overflows int64 (not
  /// counting dimensions of 0, so that every stride is representable).
  constexpr Shape(std::initializer_list<std::int64_t> dimensions, SourceLine line = SourceLine::here())
      : Shape(std::span<const std::int64_t>(dimensions.begin(), dimensions.size()), line) {}
  constexpr explicit Shape(std::span<const std::int64_t> dimensions, SourceLine line = {});

  int rank() const { return static_cast<int>(rank_); }
  /// Number of elements: the product of the dimensions; 1 for rank 0.
  std::int64_t size() const { return size_; }
  /// Dimension `axis`, 0 ≤ axis < rank (unchecked; see `axis_of` for user input).
  std::int64_t operator[](int axis) const { return dimensions_[static_cast<std::size_t>(axis)]; }
  std::int64_t back() const { return dimensions_[static_cast<std::size_t>(rank_ - 1)]; }
  const std::int64_t* begin() const { return dimensions_.data(); }
  const std::int64_t* end() const { return dimensions_.data() + rank_; }

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank(); ++i)
      if (a[i] != b[i]) return false;
    return true;
  }

 private:
  [[noreturn]] static void fail(std::span<const std::int64_t> dimensions, const char* why, SourceLine line);

  std::array<std::int64_t, max_rank> dimensions_{};
  std::int64_t size_ = 1;
  std::int64_t rank_ = 0;  // 64 bits wide: a Shape is copied in whole words, without store-forwarding stalls
};

constexpr Shape::Shape(std::span<const std::int64_t> dimensions, SourceLine line) {
  if (dimensions.size() > max_rank) fail(dimensions, "has more than 8 dimensions", line);
  std::int64_t count = 1;  // of elements, not counting dimensions of 0
  bool is_empty = false;
  for (std::size_t axis = 0; axis < dimensions.size(); ++axis) {
    const std::int64_t dimension = dimensions[axis];
    if (dimension < 0) fail(dimensions, "has a negative dimension", line);
    is_empty = is_empty || dimension == 0;
    if (dimension != 0 && __builtin_mul_overflow(count, dimension, &count))
      fail(dimensions, "has more elements than int64 counts", line);
    dimensions_[axis] = dimension;
  }
  rank_ = static_cast<std::int64_t>(dimensions.size());
  size_ = is_empty ? 0 : count;
}

namespace internal {
/// The unique address of this shape in the process, so that shapes can be compared by address.
const Shape* intern_shape(const Shape& shape);
/// The interned (0,).
inline constexpr Shape no_elements{0};
}  // namespace internal

/// "(2, 3)", "(3,)" or "()", as NumPy prints them.
std::string to_string(const Shape& shape);

/// The shape two operands broadcast to by NumPy's rules. Throws ShapeError naming `op` and both shapes.
Shape broadcast_shapes(const char* op, const Shape& lhs, const Shape& rhs);

/// `axis` as a non-negative index; a negative one counts from the back. Throws IndexError naming `op`, axis and rank.
int axis_of(const char* op, std::int64_t axis, int rank);

}  // namespace thalweg
