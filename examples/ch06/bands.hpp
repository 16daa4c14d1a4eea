#pragma once
#include <vector>

#include "examples/report/results.hpp"

namespace ch06 {

/// The book's numbers for all sections.
std::vector<report::BandTable> bands();

}  // namespace ch06
