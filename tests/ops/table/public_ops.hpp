#pragma once
// The public ops, read from the headers.

#include <string>
#include <vector>

namespace thalweg::op_table {

struct PublicOp {
  std::string name;
  std::string header;  // "ops/shape.hpp"
};

/// Every function that include/thalweg/ops, and the headers that hold an op beside other things, declare outside
/// namespace internal; each name once, in the order of the headers.
std::vector<PublicOp> public_ops();

}  // namespace thalweg::op_table
