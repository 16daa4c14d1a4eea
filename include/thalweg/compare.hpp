#pragma once
// Comparing two recordings. Link thalweg::graph.

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
  /// The difference in words: "node 7, add at model.cpp:12 (affine1): …". Empty if there is none.
  std::string message;

  explicit operator bool() const { return same_structure && same_values; }
};

/// Compares the recordings of two tapes of this thread: the structure, node by node, and the values of all nodes before
/// the first structural difference. Two values agree if |a − b| ≤ tolerance · max(|a|, |b|), or if both are NaN or the
/// same infinity. Values are recomputed on separate tapes, from the present parameters.
TapeComparison compare(const Tape& first, const Tape& second, double tolerance = 0);

}  // namespace thalweg
