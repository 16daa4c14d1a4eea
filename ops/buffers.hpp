#pragma once
// Helpers for opaque kernels, which work on whole buffers.

#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>

#include <thalweg/op.hpp>

#include "src/run/thread_pool.hpp"

namespace thalweg {

/// Calls body(index) for every index in [0, count), on several threads if the calls process `elements` ≥ worth_threads
/// elements in total.
template <class Body>
void for_each_index(std::int64_t count, std::int64_t elements, const Body& body,
                    std::int64_t worth_threads = std::int64_t{1} << 16) {
  if (elements >= worth_threads) return run::parallel_for(count, body);
  for (std::int64_t index = 0; index < count; ++index) body(index);
}

inline std::size_t output_bytes(const OpaqueCall& call) {
  return static_cast<std::size_t>(call.output_type.shape.size()) * size_of(call.output_type.dtype);
}

inline void fill_zeros(const OpaqueCall& call) { std::memset(call.output, 0, output_bytes(call)); }

/// Copies the first input to the output, for ops that only check their input.
inline void pass_on_first_input(const OpaqueCall& call) {
  if (output_bytes(call) > 0) std::memcpy(call.output, call.inputs[0], output_bytes(call));
}

/// For any dtype; false for integers.
template <class T>
bool is_nan(T x) {
  if constexpr (std::floating_point<T>) {
    return std::isnan(x);
  } else {
    return false;
  }
}

}  // namespace thalweg
