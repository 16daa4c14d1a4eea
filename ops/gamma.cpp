#include "ops/gamma.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <vector>

namespace thalweg {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity(),
                 nan_value = std::numeric_limits<double>::quiet_NaN();

/// From here on the asymptotic series below are exact to rounding.
constexpr double asymptotic_from = 10;

/// B₂, B₄, …
constexpr double bernoulli[] = {1. / 6, -1. / 30, 1. / 42, -1. / 30, 5. / 66, -691. / 2730, 7. / 6, -3617. / 510};

/// ψ(1.5 + t) for |t| ≤ 1/2, with its zero divided out, so that it is accurate there too (src/run/elementary/
/// fit_polynomials.py).
double digamma_from_one_to_two(double t) {
  constexpr double coefficients[] = {
      0x1.e6f0cbb873616p-1,  -0x1.b1cb63005ee96p-2,  0x1.eca189b8e6f6bp-3,  -0x1.2feeeb98a7e3bp-3,
      0x1.8512e59039755p-4,  -0x1.fb44202998421p-5,  0x1.4de9aa171d4f1p-5,  -0x1.b9f8b150319bep-6,
      0x1.2564719b647f6p-6,  -0x1.8635590c51b36p-7,  0x1.03c0a66a51d79p-7,  -0x1.5a080a0c910c7p-8,
      0x1.cd21ec3822247p-9,  -0x1.33509143e91d9p-9,  0x1.99ad0ee9dc8efp-10, -0x1.114473f891255p-10,
      0x1.6c54ff0d1eadcp-11, -0x1.e180e42b99c3fp-12, 0x1.40fe975bfeb32p-12, -0x1.cd69c63d3128dp-13,
      0x1.339b353c4e40cp-13, -0x1.e41a00b3ac2a3p-15, 0x1.42bb9b1ed47b3p-15, -0x1.6011fd68d65b0p-14,
      0x1.d56d3c442d62ap-15};
  constexpr double zero = 0x1.762d86356be3fp+0, zero_low = 0x1.b86a722197829p-54;
  double p = 0;
  for (std::size_t i = std::size(coefficients); i-- > 0;) p = p * t + coefficients[i];
  return ((t + (1.5 - zero)) - zero_low) * p;
}

double digamma_of_positive(double x) {
  if (x < 1) return digamma_from_one_to_two(x - 0.5) - 1 / x;
  if (x < asymptotic_from) {
    double sum = 0;
    for (; x > 2; x -= 1) sum += 1 / (x - 1);
    return digamma_from_one_to_two(x - 1.5) + sum;
  }
  // ln x − 1/(2x) − Σ B₂ₖ / (2k·x²ᵏ), Abramowitz and Stegun 6.3.18.
  const double z = 1 / x / x;
  double series = 0;
  for (std::size_t k = std::size(bernoulli); k > 0; --k)
    series = (series + bernoulli[k - 1] / (2 * static_cast<double>(k))) * z;
  return std::log(x) - (0.5 / x + series);
}

/// cot(πx).
double cotangent_of_turns(double x) {
  const double rest = x - std::nearbyint(x);
  if (std::abs(rest) <= 0.25) return 1 / std::tan(std::numbers::pi * rest);
  return std::copysign(std::tan(std::numbers::pi * (0.5 - std::abs(rest))), rest);
}

/// d^order cot(πx) / dx^order, a polynomial in c = cot(πx): P₀ = c, Pₖ₊₁ = −π(1 + c²)·Pₖ′.
double cotangent_derivative(int order, double x) {
  std::vector<double> p = {0, 1};
  for (int k = 0; k < order; ++k) {
    std::vector<double> next(p.size() + 1, 0);
    for (std::size_t i = 1; i < p.size(); ++i) {
      const double term = -std::numbers::pi * static_cast<double>(i) * p[i];
      next[i - 1] += term;
      next[i + 1] += term;
    }
    p = next;
  }
  const double c = cotangent_of_turns(x);
  double result = 0;
  for (std::size_t i = p.size(); i-- > 0;) result = result * c + p[i];
  return result;
}

/// For orders n ≥ 1: −(−1)ⁿ·n!·Σ 1 / (x + k)ⁿ⁺¹, with the tail by its asymptotic series (Abramowitz and Stegun 6.4.11).
double polygamma_of_positive(int order, double x) {
  const double n = order;
  double sum = 0;  // not including the factor (n − 1)!
  for (; x < asymptotic_from + n; x += 1) sum += n * std::pow(x, -n - 1);
  const double power = std::pow(x, -n), z = 1 / x / x;
  double term = n / 2 / x, series = 1 + term, ratio = 1;
  for (std::size_t k = 1; k <= std::size(bernoulli); ++k) {
    const auto twice = 2 * static_cast<double>(k);
    ratio *= (twice + n - 1) * (twice + n - 2) / (twice * (twice - 1)) * z;
    series += bernoulli[k - 1] * ratio;
  }
  return (order % 2 == 0 ? -1 : 1) * std::tgamma(n) * (sum + power * series);
}

}  // namespace

double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);  // std::lgamma writes a global variable
}

double digamma(double x) {
  if (x > 0) return digamma_of_positive(x);
  if (x == 0) return std::copysign(infinity, -x);
  if (std::isnan(x) || std::nearbyint(x) == x) return nan_value;
  return digamma_of_positive(1 - x) - std::numbers::pi * cotangent_of_turns(x);
}

double polygamma(double order, double x) {
  if (order == 0) return digamma(x);
  if (!(order > 0) || order > 1000 || std::nearbyint(order) != order || std::isnan(x)) return nan_value;
  const int n = static_cast<int>(order);
  if (x > 0) return polygamma_of_positive(n, x);
  if (std::nearbyint(x) == x) return n % 2 == 1 && x > -infinity ? infinity : nan_value;
  const double reflected = (n % 2 == 0 ? 1 : -1) * polygamma_of_positive(n, 1 - x);
  return reflected - std::numbers::pi * cotangent_derivative(n, x);
}

}  // namespace thalweg
