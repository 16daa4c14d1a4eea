// The programs of docs/graph.md, compiled and run.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <vector>

#include <boost/graph/topological_sort.hpp>

#include <thalweg/draw.hpp>
#include <thalweg/graph.hpp>
#include <thalweg/thalweg.hpp>

#include "tests/docs/page.hpp"

namespace tw = thalweg;

TEST_CASE("docs: the graph") {
  tw::ParameterRegistry registry({.seed = 0});
  const tw::Parameter weight = registry.add("affine1.weight", tw::he_normal({3, 2}));
  const tw::Parameter bias = registry.add("affine1.bias", tw::zeros({2}));
  const tw::Tensor x{{1., 2., 3.}}, target{{0., 1.}};
  const std::filesystem::path before = std::filesystem::current_path();
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "thalweg_graph_page";
  std::filesystem::create_directories(folder);
  std::filesystem::current_path(folder);
  {
    tw::Tape tape;
    tw::Var loss = tw::mean(tw::square(tw::relu(tw::matmul(x, weight) + bias) - target));
    fmt::print("{}", tw::explain(loss));
    tw::backward(loss);
    tw::write_graph(tape, "step.html");
    std::filesystem::current_path(before);
    CHECK(std::filesystem::file_size(folder / "step.html") > 10'000);

    const tw::TapeGraph graph(tape);
    std::vector<int> order;
    boost::topological_sort(graph, std::back_inserter(order));
    const auto flops = get(tw::node_flops, graph);
    CHECK(order.size() == static_cast<std::size_t>(graph.size()));
    std::int64_t most = 0;
    for (const int vertex : order) most = std::max(most, get(flops, vertex));
    CHECK(most == 2 * 1 * 3 * 2);  // the product (1, 3) · (3, 2)
  }
  std::filesystem::remove_all(folder);
  {
    tw::Tape tape({.detect_anomaly = true});
    CHECK_THROWS_AS(tw::log(tw::Var(x) - 10).value(), tw::AnomalyError);
  }
  const std::vector<std::string> missing =
      docs::missing(docs::code_blocks(docs::text_of("docs/graph.md")), docs::text_of("tests/graph/page_test.cpp"));
  CHECK(missing == std::vector<std::string>());
}
