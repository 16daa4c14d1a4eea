#pragma once
// Finding where the first bad number arose, on tapes that ask for it.

#include <cstdint>
#include <optional>

#include "src/tape/recorder.hpp"

namespace thalweg::internal {

/// A number that is not finite in what a request has delivered.
struct BadNumber {
  std::int32_t node;     // whose value it is in; of an assignment the assign node
  std::int64_t element;  // row-major
  double value;
};

/// The first in what `segment`'s request has delivered: the value that it asked for (at `value`), gradients, parameters
/// that are about to be committed.
std::optional<BadNumber> find_bad_number(Recorder& recorder, const Segment& segment, const void* value,
                                         const Recorder::BackwardTarget& target);

/// Throws the AnomalyError that says where `bad` comes from: computes the tape once more, node by node and without its
/// effects, and goes back from it to the node that made it of finite numbers.
[[noreturn]] void throw_anomaly(const Recorder& recorder, const BadNumber& bad, const char* writer, SourceLine line);

}  // namespace thalweg::internal
