#pragma once
// Statistics of a tensor's elements, for the page and the monitor.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <thalweg/tensor.hpp>

namespace thalweg::internal {

/// Range, moments and histogram of the finite elements; all zero and empty if there are none.
struct Distribution {
  std::int64_t count = 0, not_finite = 0;  // of all elements
  double minimum = 0, maximum = 0, mean = 0, deviation = 0;
  std::vector<double> limits;        // upper limits of the histogram's bins
  std::vector<std::int64_t> counts;  // elements in each
};

/// With a histogram of `bins` bins of equal width; a single bin if all finite elements are equal.
Distribution distribution_of(const Tensor& tensor, std::size_t bins);

}  // namespace thalweg::internal
