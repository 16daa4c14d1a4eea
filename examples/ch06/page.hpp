#pragma once
// What the page says about the chapter.

#include <vector>

#include "examples/report/page.hpp"

namespace ch06 {

report::PageText english();
report::PageText korean();

/// Excerpts of the sections' sources, taken from them when the program is built.
std::vector<report::Excerpt> excerpts();

}  // namespace ch06
