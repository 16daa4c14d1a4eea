// The op table: every public op has a row, and every check generated from the rows holds. See tests/ops/table/table.hpp.
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <set>

#include "tests/ops/table/checks.hpp"
#include "tests/ops/table/public_ops.hpp"

using namespace thalweg::op_table;

namespace {

std::int64_t checks_made = 0;

/// Says at the end how much was checked.
struct CountListener : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testRunEnded(const Catch::TestRunStats&) override {
    if (checks_made == 0) return;
    std::size_t rows = 0;
    for (const Family& family : families()) rows += family.rows.size();
    std::printf("op table: %zu ops, %zu rows, %lld generated checks\n", public_ops().size(), rows,
                static_cast<long long>(checks_made));
  }
};
CATCH_REGISTER_LISTENER(CountListener)

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(lines.size(), 5); ++i) text += "\n" + lines[i];
  if (lines.size() > 5) text += "\nand " + std::to_string(lines.size() - 5) + " more";
  return text;
}

void check_row(const Row& row) {
  for (const Check& check : all_checks()) {
    Report report;
    run_check(check, row, report);
    checks_made += report.checks;
    INFO(name_of(row) << ", " << check.name << ":" << joined(report.failures));
    CHECK(report.failures.empty());
  }
}

/// Whether a row of `op` says what it gives where an input has such a shape: it is among its shapes, examples or errors.
bool says_for(const std::string& op, bool (*is_such)(const thalweg::Shape&)) {
  const auto any_tensor = [&](const std::vector<thalweg::Tensor>& inputs) {
    return std::any_of(inputs.begin(), inputs.end(), [&](const auto& input) { return is_such(input.shape()); });
  };
  for (const Family& family : families())
    for (const Row& row : family.rows) {
      if (row.op != op) continue;
      if (row.domains.empty()) return true;
      for (const std::vector<thalweg::Shape>& shapes : shapes_of(row))
        if (std::any_of(shapes.begin(), shapes.end(), is_such)) return true;
      for (const Example& example : row.examples)
        if (any_tensor(example.inputs)) return true;
      for (const Mistake& mistake : row.mistakes)
        if (any_tensor(mistake.inputs)) return true;
    }
  return false;
}

}  // namespace

TEST_CASE("op table: every public op has a row, and every row a public op") {
  std::set<std::string> rows, names;
  for (const Family& family : families())
    for (const Row& row : family.rows) {
      rows.insert(row.op);
      INFO("two rows are named " << name_of(row));
      CHECK(names.insert(name_of(row)).second);
    }
  for (const PublicOp& op : public_ops()) {
    INFO(op.name << " of " << op.header << " has no row: add one to tests/ops/table");
    CHECK(rows.erase(op.name) == 1);
  }
  for (const std::string& name : rows) {
    INFO("the headers declare no op " << name);
    CHECK(false);
  }
}

TEST_CASE("op table: every op says what it gives for nothing, for 0-d and for one element") {
  for (const PublicOp& op : public_ops()) {
    INFO(op.name);
    CHECK(says_for(op.name, [](const thalweg::Shape& shape) { return shape.size() == 0; }));
    CHECK(says_for(op.name, [](const thalweg::Shape& shape) { return shape.rank() == 0; }));
    CHECK(says_for(op.name, [](const thalweg::Shape& shape) { return shape.rank() > 0 && shape.size() == 1; }));
  }
}

TEST_CASE("op table: what is generated from each row") {
  for (const Family& family : families()) DYNAMIC_SECTION(family.name) {
      for (const Row& row : family.rows) check_row(row);
    }
}
