#pragma once
// Subnormal numbers: kept, as IEEE 754 has them, or zero on request.

#include <cstdint>

namespace thalweg {

/// During the guard's lifetime subnormal numbers (below 2^-126 in f32, 2^-1022 in f64) count as zero, as arguments and as
/// results, in all that the calling thread computes, alone or with the library's threads: `FlushSubnormals flush;` at the
/// start of a program makes it the default. It is the processor's mode (FTZ and DAZ, FZ on Arm), so it holds for the
/// thread's other code as well, and a value is computed in the mode of the thread that asks for it when it asks.
///
/// Gradients that vanish over many layers or steps become subnormal before they become zero, and Intel's processors take
/// a hundred times as long for an operation with such numbers (docs/performance/sweeps.md). Without effect where the
/// processor has no such mode.
class FlushSubnormals {
 public:
  FlushSubnormals();
  ~FlushSubnormals();
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  std::uint64_t previous_;
};

}  // namespace thalweg
