#pragma once
#include <thalweg/statistics.hpp>

namespace thalweg::internal {

/// The calling thread's counters.
Statistics& counted();

}  // namespace thalweg::internal
