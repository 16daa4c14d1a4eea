// fuzz_graphs [COUNT [FIRST_SEED]]: checks random graphs of the table's ops and shrinks what fails.
#include <cstdio>
#include <cstdlib>

#include "tests/ops/table/fuzz.hpp"
#include "tests/ops/table/public_ops.hpp"

using namespace thalweg::op_table;

int main(int argc, char** argv) {
  const long count = argc > 1 ? std::atol(argv[1]) : 10'000;
  const unsigned long long first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::map<std::string, std::int64_t> ops;
  long nodes = 0, failures = 0, differentiated = 0;
  for (long i = 0; i < count; ++i) {
    const unsigned long long seed = first + static_cast<unsigned long long>(i);
    const Graph graph = make_graph(seed);
    count_ops(graph, ops);
    nodes += static_cast<long>(graph.nodes.size());
    differentiated += graph.is_smooth ? 1 : 0;
    if (const std::string failure = what_fails(graph); !failure.empty()) {
      ++failures;
      std::printf("seed %llu fails: %s\n", seed, failure.c_str());
      std::fflush(stdout);
      const auto fails = [&](const Graph& one) { return check_of(what_fails(one)) == check_of(failure); };
      const Graph small = shrunk(graph, fails);
      std::printf("shrunk from %zu to %zu nodes: %s\n%s", graph.nodes.size(), small.nodes.size(),
                  what_fails(small).c_str(), text_of(small).c_str());
      if (failures == 10) break;
    }
    if ((i + 1) % 1000 == 0) std::printf("%ld graphs\n", i + 1);
    std::fflush(stdout);
  }
  long rare = 0;
  for (const PublicOp& op : public_ops()) {
    std::printf("%s%s %lld", rare++ % 6 == 0 ? "\n" : ", ", op.name.c_str(), static_cast<long long>(ops[op.name]));
  }
  rare = 0;
  for (const PublicOp& op : public_ops()) rare += ops[op.name] < 50 ? 1 : 0;
  std::printf(
      "\nseeds %llu to %llu: %ld graphs, %ld nodes, gradients of %ld against differences, %ld ops less than 50 times, "
      "%ld graphs fail\n",
      first, first + static_cast<unsigned long long>(count) - 1, count, nodes, differentiated, rare, failures);
  return failures == 0 && (rare == 0 || count < 1000) ? 0 : 1;
}
