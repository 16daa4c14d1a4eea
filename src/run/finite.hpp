#pragma once
#include <cstdint>

#include <thalweg/dtype.hpp>

namespace thalweg::run {

/// Whether every number is finite: one pass at the speed of memory. i64 and bool always are.
bool all_finite(const void* data, std::int64_t count, DType dtype);

/// The place of the first number that is not; −1 if there is none.
std::int64_t first_not_finite(const void* data, std::int64_t count, DType dtype);

}  // namespace thalweg::run
