#pragma once
#include <cstdint>

namespace thalweg::run {

/// A range of indices into one of a program's or a plan's lists.
struct ListRange {
  std::int32_t begin = 0, end = 0;
};

}  // namespace thalweg::run
