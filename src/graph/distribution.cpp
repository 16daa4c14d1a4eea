#include "src/graph/distribution.hpp"

#include <algorithm>
#include <cmath>

namespace thalweg::internal {

Distribution distribution_of(const Tensor& tensor, std::size_t bins) {
  Distribution result;
  const Tensor wide = tensor.to(DType::f64);
  std::vector<double> finite;
  for (const double value : wide.data<double>())
    if (std::isfinite(value)) finite.push_back(value);
  result.count = tensor.size();
  result.not_finite = result.count - static_cast<std::int64_t>(finite.size());
  if (finite.empty()) return result;
  const auto [low, high] = std::minmax_element(finite.begin(), finite.end());
  result.minimum = *low;
  result.maximum = *high;
  const auto count = static_cast<double>(finite.size());
  for (const double value : finite) result.mean += value / count;
  double squares = 0;
  for (const double value : finite) squares += (value - result.mean) * (value - result.mean);
  result.deviation = std::sqrt(squares / count);

  const auto all = static_cast<double>(bins);
  const double width = result.maximum / all - result.minimum / all;  // the difference may overflow
  const std::size_t used = width > 0 ? bins : 1;
  result.counts.assign(used, 0);
  for (std::size_t i = 0; i < used; ++i)
    result.limits.push_back(i + 1 == used ? result.maximum : result.minimum + width * static_cast<double>(i + 1));
  for (const double value : finite) {
    const auto bin = width > 0 ? static_cast<std::size_t>((value - result.minimum) / width) : 0;
    ++result.counts[std::min(used - 1, bin)];
  }
  return result;
}

}  // namespace thalweg::internal
