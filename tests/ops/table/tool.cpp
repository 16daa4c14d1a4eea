// op_table list              every public op with its header and the number of its rows
// op_table inputs [FAMILY]   the inputs that references are recorded for, for tests/ops/references/record.py
#include <cstdio>
#include <string>

#include <fmt/format.h>

#include "tests/ops/table/public_ops.hpp"
#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {
namespace {

void list() {
  std::size_t count = 0;
  for (const PublicOp& op : public_ops()) {
    std::size_t rows = 0;
    for (const Family& family : families())
      for (const Row& row : family.rows) rows += row.op == op.name ? 1 : 0;
    std::printf("%-28s %-20s %zu row%s\n", op.name.c_str(), op.header.c_str(), rows, rows == 1 ? "" : "s");
    ++count;
  }
  std::printf("%zu ops\n", count);
}

void print(const Tensor& tensor) {
  std::string shape;
  for (const std::int64_t dimension : tensor.shape()) shape += fmt::format("{}{}", shape.empty() ? "" : "x", dimension);
  std::printf("input %s %s", name(tensor.dtype()), shape.empty() ? "()" : shape.c_str());
  const Tensor elements = tensor.to(DType::f64);
  for (const double element : elements.data<double>()) std::printf(" %.17g", element);
  std::printf("\n");
}

/// Lines: family NAME, row NAME, reference EXPRESSION, elementwise 0 or 1, then for each case its inputs and "case".
void inputs(const std::string& wanted) {
  for (const Family& family : families()) {
    if (!wanted.empty() && wanted != family.name) continue;
    std::printf("family %s\n", family.name);
    for (const Row& row : family.rows) {
      if (row.reference.empty()) continue;
      std::printf("row %s\nreference %s\nelementwise %d\n", name_of(row).c_str(), row.reference.c_str(),
                  row.elementwise);
      for (const std::vector<Tensor>& one : reference_inputs(row)) {
        for (const Tensor& input : one) print(input);
        std::printf("case\n");
      }
    }
  }
}

}  // namespace
}  // namespace thalweg::op_table

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "list") {
    thalweg::op_table::list();
  } else if (what == "inputs") {
    thalweg::op_table::inputs(argc > 2 ? argv[2] : "");
  } else {
    std::printf("op_table list | op_table inputs [FAMILY]\n");
    return 2;
  }
}
