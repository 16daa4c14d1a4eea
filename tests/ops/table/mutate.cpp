// mutate [OP...]: makes each op (or those named) wrong in every way, and lists what no check notices.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/ops/table/mutation.hpp"
#include "tests/ops/table/public_ops.hpp"

using namespace thalweg::op_table;

int main(int argc, char** argv) {
  const std::vector<std::string> wanted(argv + 1, argv + argc);
  std::size_t ops = 0, mutants = 0, survivors = 0, equivalent = 0;
  for (const PublicOp& op : public_ops()) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), op.name) == wanted.end()) continue;
    ++ops;
    for (const Mutant& mutant : mutants_of(op.name)) {
      ++mutants;
      if (is_noticed(op.name, mutant)) continue;
      const std::string why = why_equivalent(op.name, mutant);
      ++(why.empty() ? survivors : equivalent);
      std::printf("%s: %s: %s\n", op.name.c_str(), text_of(mutant).c_str(), why.empty() ? "SURVIVES" : why.c_str());
      std::fflush(stdout);
    }
  }
  std::printf("%zu ops, %zu mutants, %zu equivalent, %zu survive\n", ops, mutants, equivalent, survivors);
  return survivors == 0 ? 0 : 1;
}
