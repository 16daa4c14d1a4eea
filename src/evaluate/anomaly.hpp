#pragma once
// Finds the origin of the first bad number, on tapes with detect_anomaly.

#include <cstdint>
#include <optional>

#include "src/tape/recorder.hpp"

namespace thalweg::internal {

/// A NaN or infinity in the results of a request.
struct BadNumber {
  std::int32_t node;     // whose value has it; for an assignment, the assign node
  std::int64_t element;  // row-major
  double value;
};

/// The first bad number in the results of `segment`'s request: the requested value (at `value`), gradients, and
/// parameters about to be committed.
std::optional<BadNumber> find_bad_number(Recorder& recorder, const Segment& segment, const void* value,
                                         const BackwardTarget& target) noexcept;

/// Throws an AnomalyError with the origin of `bad`: recomputes the tape node by node, without its effects, and goes
/// back from `bad` to the node that produced it from finite numbers.
[[noreturn]] void throw_anomaly(const Recorder& recorder, const BadNumber& bad, const char* writer, SourceLine line);

}  // namespace thalweg::internal
