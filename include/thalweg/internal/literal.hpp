#pragma once
// Nested braces of numbers, as in `Tensor{{1., 2.}, {3., 4.}}`.

#include <concepts>
#include <cstdint>
#include <initializer_list>

#include <thalweg/dtype.hpp>

namespace thalweg::internal {

/// An element of a nested literal: a number, or braces again. It lives for one expression only.
class Literal {
 public:
  enum class Kind : std::uint8_t { boolean, integer, real, list };

  template <Number T>
  Literal(T value)  // NOLINT(google-explicit-constructor): `{1., 2.}` is a list of these
      : kind_(std::same_as<T, bool> ? Kind::boolean
              : std::integral<T>    ? Kind::integer
                                    : Kind::real) {
    if constexpr (std::integral<T>)
      integer_ = static_cast<std::int64_t>(value);
    else
      real_ = static_cast<double>(value);
  }
  Literal(std::initializer_list<Literal> values)  // NOLINT(google-explicit-constructor): `{{1., 2.}, {3., 4.}}`
      : kind_(Kind::list), values_(values) {}

  Kind kind() const { return kind_; }
  std::int64_t integer() const { return integer_; }  // of a boolean too
  double real() const { return real_; }
  std::initializer_list<Literal> values() const { return values_; }

 private:
  Kind kind_;
  std::int64_t integer_ = 0;
  double real_ = 0;
  std::initializer_list<Literal> values_;
};

}  // namespace thalweg::internal
