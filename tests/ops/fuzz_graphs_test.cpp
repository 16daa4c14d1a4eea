// A part of tests/fuzz_graphs: random graphs of the op table's ops.
#include "tests/ops/table/fuzz.hpp"

#include <catch2/catch.hpp>

#include <cstring>

#include "src/tape/mutation.hpp"
#include "tests/ops/table/public_ops.hpp"

using namespace thalweg;
using namespace thalweg::op_table;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t graphs = 300;
#else
constexpr std::uint64_t graphs = 6000;
#endif

/// The gradient of sigmoid is a hundredth too large.
struct WrongSigmoid : internal::Mutation {
  WrongSigmoid() { internal::mutation = this; }
  ~WrongSigmoid() { internal::mutation = nullptr; }
  Var pulled_back(const Op& op, const Pullback&, const Var& term) override {
    return std::strcmp(op.name, "sigmoid") == 0 ? term * 1.01 : term;
  }
  const Op* applied_after(const Op&) override { return nullptr; }
};

}  // namespace

TEST_CASE("fuzz graphs: engines, threads and differences agree on random graphs of every op") {
  std::map<std::string, std::int64_t> counts;
  for (std::uint64_t seed = 1; seed <= graphs; ++seed) {
    const Graph graph = make_graph(seed);
    count_ops(graph, counts);
    const std::string failure = what_fails(graph);
    if (failure.empty()) continue;
    const auto fails = [&](const Graph& one) { return check_of(what_fails(one)) == check_of(failure); };
    FAIL_CHECK("seed " << seed << ": " << failure << "\n" << text_of(shrunk(graph, fails)));
    return;
  }
  for (const PublicOp& op : public_ops()) {
    INFO(op.name);
    CHECK(counts[op.name] >= 50);
  }
}

TEST_CASE("fuzz graphs: a wrong gradient is found and shrunk") {
  const WrongSigmoid wrong;
  std::uint64_t seed = 1;
  while (check_of(what_fails(make_graph(seed))) != "gradient" && seed < 200) ++seed;
  REQUIRE(seed < 200);
  const Graph small =
      shrunk(make_graph(seed), [](const Graph& graph) { return check_of(what_fails(graph)) == "gradient"; });
  INFO(text_of(small));
  CHECK(small.nodes.size() <= 3);
}
