#pragma once
// A running product that leaves its range only where it ends outside it.

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace thalweg {

/// mantissa · 2^exponent. The exponent is 0, and the mantissa the plain product, as long as that stays clear of the ends of
/// f64's range.
class ScaledNumber {
 public:
  ScaledNumber& operator*=(double factor) {
    if (const double product = mantissa_ * factor; is_clear(product)) [[likely]] {
      mantissa_ = product;
      return *this;
    }
    return multiply_at_the_end(factor);
  }
  ScaledNumber& operator*=(const ScaledNumber& factor) {
    *this *= factor.mantissa_;
    exponent_ += factor.exponent_;
    return *this;
  }
  explicit operator double() const {
    constexpr std::int64_t most = 1 << 14;  // beyond any exponent that ends inside the range
    return exponent_ == 0 ? mantissa_ : std::scalbn(mantissa_, static_cast<int>(std::clamp(exponent_, -most, most)));
  }

 private:
  static bool is_clear(double x) { return std::abs(x) > 0x1p-900 && std::abs(x) < 0x1p900; }

  /// 0, infinities and NaN go through as they are; other factors give their exponent away.
  ScaledNumber& multiply_at_the_end(double factor) {
    const auto normalize = [&](double& x) {
      if (x == 0 || !std::isfinite(x)) return;
      int exponent = 0;
      x = std::frexp(x, &exponent);
      exponent_ += exponent;
    };
    normalize(mantissa_);
    normalize(factor);
    mantissa_ *= factor;
    return *this;
  }

  double mantissa_ = 1;
  std::int64_t exponent_ = 0;
};

}  // namespace thalweg
