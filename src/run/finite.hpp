#pragma once
#include <cstdint>

#include <thalweg/dtype.hpp>

namespace thalweg::run {

/// Whether every number is finite, in one pass at memory bandwidth. True for i64 and bool.
bool all_finite(const void* data, std::int64_t count, DType dtype);

/// The index of the first number that is not finite; −1 if all are.
std::int64_t first_not_finite(const void* data, std::int64_t count, DType dtype);

}  // namespace thalweg::run
