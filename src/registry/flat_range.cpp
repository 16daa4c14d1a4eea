#include "src/registry/flat_range.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "src/tensor/visit.hpp"

namespace thalweg::internal {

namespace {

/// Calls function(place in the flat buffer, value) for every gradient of the ranges.
template <class Function>
void for_each_gradient(const RegistryCore& core, std::span<const FlatRange> ranges, Function&& function) {
  visit_floating(core.dtype, [&]<class T>() {
    const T* gradients = static_cast<const T*>(core.gradients.data());
    for (const FlatRange& range : ranges)
      for (std::int64_t i = range.offset; i < range.offset + range.elements; ++i)
        function(i, static_cast<double>(gradients[i]));
  });
}

/// "(1, 2)": the indices of element `place` of a row-major tensor.
std::string indices_text(std::int64_t place, const Shape& shape) {
  std::string text;
  for (int axis = shape.rank(); axis-- > 0; place /= shape[axis])
    text = fmt::format("{}{}{}", place % shape[axis], text.empty() ? "" : ", ", text);
  return fmt::format("({})", text);
}

}  // namespace

double gradient_norm(const RegistryCore& core, std::span<const FlatRange> ranges) {
  double largest = 0;
  bool is_nan = false;
  for_each_gradient(core, ranges, [&](std::int64_t, double value) {
    largest = std::max(largest, std::abs(value));
    is_nan = is_nan || std::isnan(value);
  });
  if (is_nan) return std::nan("");
  if (largest == 0 || std::isinf(largest)) return largest;
  double sum = 0;
  for_each_gradient(core, ranges, [&](std::int64_t, double value) { sum += (value / largest) * (value / largest); });
  return largest * std::sqrt(sum);
}

std::optional<std::string> find_non_finite_gradient(const RegistryCore& core, std::span<const FlatRange> ranges) {
  std::int64_t place = -1;
  double found = 0;
  for_each_gradient(core, ranges, [&](std::int64_t at, double value) {
    if (place >= 0 || std::isfinite(value)) return;
    place = at;
    found = std::isnan(value) ? std::nan("") : value;  // without a sign
  });
  if (place < 0) return std::nullopt;
  for (const RegistryCore::Entry& entry : core.entries)
    if (entry.trainable && place >= entry.offset && place < entry.offset + entry.shape.size())
      return fmt::format("the gradient of \"{}\" is {} at {}", entry.name, found,
                         indices_text(place - entry.offset, entry.shape));
  return "a gradient is not finite";
}

}  // namespace thalweg::internal
