#pragma once
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include <thalweg/error.hpp>

namespace thalweg {

namespace internal {
/// A number in the braces of a shape or an index: an integer of any type, so that a std::size_t is not "narrowed".
struct Dimension {
  template <std::convertible_to<std::int64_t> T>
  requires(!std::floating_point<T>) constexpr Dimension(T number) : number(static_cast<std::int64_t>(number)) {}
  constexpr operator std::int64_t() const { return number; }

  std::int64_t number;
};
using DimensionList = std::initializer_list<Dimension>;
}  // namespace internal

/// The dimensions of a tensor: at most 8, each ≥ 0, stored inline. Rank 0 is a scalar of one element.
class Shape {
 public:
  static constexpr int max_rank = 8;

  constexpr Shape() = default;
  /// Throws ShapeError for more than 8 dimensions, a negative one, or an element count that overflows int64 (not
  /// counting dimensions of 0, so that every stride is representable).
  constexpr Shape(internal::DimensionList dimensions, SourceLine line = SourceLine::here());
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
  template <class Numbers>
  constexpr void assign(const Numbers& dimensions, SourceLine line) {
    if (dimensions.size() > max_rank) fail(dimensions, "has more than 8 dimensions", line);
    std::int64_t count = 1;  // of elements, not counting dimensions of 0
    bool is_empty = false;
    std::size_t axis = 0;
    for (const std::int64_t dimension : dimensions) {
      if (dimension < 0) fail(dimensions, "has a negative dimension", line);
      is_empty = is_empty || dimension == 0;
      if (dimension != 0 && __builtin_mul_overflow(count, dimension, &count))
        fail(dimensions, "has more elements than int64 counts", line);
      dimensions_[axis++] = dimension;
    }
    rank_ = static_cast<std::int64_t>(dimensions.size());
    size_ = is_empty ? 0 : count;
  }
  [[noreturn]] static void fail(std::span<const std::int64_t> dimensions, const char* why, SourceLine line);
  [[noreturn]] static void fail(internal::DimensionList dimensions, const char* why, SourceLine line);

  std::array<std::int64_t, max_rank> dimensions_{};
  std::int64_t size_ = 1;
  std::int64_t rank_ = 0;  // 64 bits wide: a Shape is copied in whole words, without store-forwarding stalls
};

// Outside of the class, where Clang has `assign` in constant expressions.
constexpr Shape::Shape(internal::DimensionList dimensions, SourceLine line) { assign(dimensions, line); }
constexpr Shape::Shape(std::span<const std::int64_t> dimensions, SourceLine line) { assign(dimensions, line); }

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
