#pragma once
// Two recordings beside each other. Link thalweg::graph.

#include <cstdint>
#include <string>

#include <thalweg/tape.hpp>

namespace thalweg {

/// Where two tapes differ.
struct TapeComparison {
  bool same_structure = true;
  std::int32_t structure_node = -1;  // the first node that differs in op, inputs, shape or dtype
  bool same_values = true;           // as far as the structures agree
  std::int32_t value_node = -1;      // the first whose values differ by more than the tolerance
  std::int64_t element = -1;         // of it, where they differ most
  double first_value = 0, second_value = 0;
  /// In words: "node 7, add at model.cpp:12 (affine1): …". Empty where nothing differs.
  std::string message;

  explicit operator bool() const { return same_structure && same_values; }  // nothing differs
};

/// Compares what two tapes of this thread have recorded: the structure, node by node from the first, and the values of
/// all nodes before the first that differs; a value agrees where |a − b| ≤ tolerance · max(|a|, |b|), or both are the same
/// infinity or NaN. Values are computed anew, on tapes beside these, from parameters as they are now.
TapeComparison compare(const Tape& first, const Tape& second, double tolerance = 0);

}  // namespace thalweg
