#pragma once
// A running product without intermediate overflow or underflow.

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace thalweg {

/// mantissa · 2^exponent. As long as the plain product stays well within f64's range, it is the mantissa, and the
/// exponent is 0.
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
    constexpr std::int64_t most = 1 << 14;  // larger than any exponent within the range
    return exponent_ == 0 ? mantissa_ : std::scalbn(mantissa_, static_cast<int>(std::clamp(exponent_, -most, most)));
  }

 private:
  static bool is_clear(double x) { return std::abs(x) > 0x1p-900 && std::abs(x) < 0x1p900; }

  /// Multiplies by a factor; splits off its exponent unless it is 0, infinite or NaN.
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
