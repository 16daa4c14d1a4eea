#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

std::vector<Row> rows() { return {}; }

// Written by tests/ops/references/record.
const char* const recorded_references = "";

}  // namespace

Family logic_family() { return {"logic", rows(), recorded_references}; }

}  // namespace thalweg::op_table
