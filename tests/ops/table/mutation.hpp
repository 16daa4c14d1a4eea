#pragma once
// The mutation run: an op is made wrong in one way, and a check of the op's own rows must fail.

#include <string>
#include <vector>

#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

/// One way in which an op can be wrong.
struct Mutant {
  enum class Kind : std::uint8_t {
    scaled,     // a gradient rule's result times 1.001
    negated,    // its negative
    zeroed,     // zeros in its place
    detached,   // right, but without a derivative of its own: wrong at second order only
    perturbed,  // the last element of each result is off by a thousandth
  };
  Kind kind;
  const Op* op;   // the primitive
  int input = 0;  // whose gradient rule
};

/// "the gradient of power by input 1 is negated"
std::string text_of(const Mutant& mutant);

/// The mutants of everything that the rows of `op` record, forwards and backwards.
std::vector<Mutant> mutants_of(const std::string& op);

/// Why no test can notice `mutant`, where that is so; else empty.
std::string why_equivalent(const std::string& op, const Mutant& mutant);

/// Whether a check of the rows of `op` fails under `mutant`. Not while another thread computes.
bool is_noticed(const std::string& op, const Mutant& mutant);

}  // namespace thalweg::op_table
