// The tape under Boost.Graph's algorithms, against plain references.
#include <thalweg/graph.hpp>

#include <set>

#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/dominator_tree.hpp>
#include <boost/graph/filtered_graph.hpp>
#include <boost/graph/graph_concepts.hpp>
#include <boost/graph/isomorphism.hpp>
#include <boost/graph/strong_components.hpp>
#include <boost/graph/topological_sort.hpp>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

BOOST_CONCEPT_ASSERT((boost::VertexListGraphConcept<TapeGraph>));
BOOST_CONCEPT_ASSERT((boost::EdgeListGraphConcept<TapeGraph>));
BOOST_CONCEPT_ASSERT((boost::BidirectionalGraphConcept<TapeGraph>));
BOOST_CONCEPT_ASSERT((boost::AdjacencyGraphConcept<TapeGraph>));
BOOST_CONCEPT_ASSERT((boost::ReadablePropertyGraphConcept<TapeGraph, std::int32_t, boost::vertex_index_t>));

namespace {

/// A tape of `count` ops whose inputs are drawn, and its backward pass.
Var random_tape(std::uint64_t seed, int count) {
  Random random(seed);
  std::vector<std::int64_t> draws(static_cast<std::size_t>(3 * count));
  fill_indices(draws, 1000000, random.next_source());
  std::vector<Var> vars = {Var(noise({2, 3}, seed)), Var(noise({2, 3}, seed + 1)), Var(noise({3}, seed + 2))};
  for (int i = 0; i < count; ++i) {
    const auto pick = [&](int which) {
      return vars[static_cast<std::size_t>(draws[static_cast<std::size_t>(3 * i + which)]) % vars.size()];
    };
    switch (draws[static_cast<std::size_t>(3 * i + 2)] % 5) {
      case 0: vars.push_back(pick(0) + pick(1)); break;
      case 1: vars.push_back(pick(0) * pick(1)); break;
      case 2: vars.push_back(tanh(pick(0))); break;
      case 3: vars.push_back(pick(0) - sum(pick(1))); break;
      default: vars.push_back(sigmoid(pick(1))); break;
    }
  }
  const Var loss = sum(vars.back());
  gradients(loss, {vars[0]});
  return loss;
}

std::set<std::int32_t> reachable_from(const TapeGraph& graph, std::int32_t root) {
  std::set<std::int32_t> reached = {root};
  for (std::int32_t id = root; id < graph.size(); ++id)
    if (reached.contains(id))
      for (const TapeEdge& use : graph.uses(id)) reached.insert(use.target);
  return reached;
}

/// Immediate dominators by their definition: d dominates v where every path from the root passes d.
std::vector<std::int32_t> dominators_by_definition(const TapeGraph& graph, std::int32_t root) {
  const auto size = static_cast<std::size_t>(graph.size());
  const auto reachable = [&](std::int32_t without) {
    std::vector<bool> reached(size, false);
    if (root == without) return reached;
    reached[static_cast<std::size_t>(root)] = true;
    for (std::int32_t id = root; id < graph.size(); ++id)
      if (reached[static_cast<std::size_t>(id)])
        for (const TapeEdge& use : graph.uses(id))
          if (use.target != without) reached[static_cast<std::size_t>(use.target)] = true;
    return reached;
  };
  const std::vector<bool> all = reachable(-1);
  std::vector<std::set<std::int32_t>> dominators(size);
  for (std::int32_t id = root; id < graph.size(); ++id) {
    if (!all[static_cast<std::size_t>(id)]) continue;
    const std::vector<bool> rest = reachable(id);
    for (std::int32_t v = root; v < graph.size(); ++v)
      if (v != id && all[static_cast<std::size_t>(v)] && !rest[static_cast<std::size_t>(v)])
        dominators[static_cast<std::size_t>(v)].insert(id);
  }
  std::vector<std::int32_t> immediate(size, -1);
  for (std::size_t v = 0; v < size; ++v)
    for (const std::int32_t candidate : dominators[v])  // the one that all others dominate
      if (dominators[static_cast<std::size_t>(candidate)].size() + 1 == dominators[v].size()) immediate[v] = candidate;
  return immediate;
}

}  // namespace

TEST_CASE("TapeGraph: Boost's topological sort and dominator tree on 1,000 tapes") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Tape tape;
    random_tape(seed, 6 + static_cast<int>(seed % 24));
    const TapeGraph graph(tape);
    INFO("seed " << seed);

    std::vector<std::int32_t> order;  // Boost gives it backwards
    boost::topological_sort(graph, std::back_inserter(order));
    REQUIRE(order.size() == static_cast<std::size_t>(graph.size()));
    std::vector<std::size_t> place(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) place[static_cast<std::size_t>(order[i])] = i;
    for (const TapeEdge& edge : graph.edges())
      REQUIRE(place[static_cast<std::size_t>(edge.source)] > place[static_cast<std::size_t>(edge.target)]);

    // Boost's algorithm takes a predecessor that the root does not reach for the root itself.
    const std::set<std::int32_t> reachable = reachable_from(graph, 0);
    const boost::filtered_graph part(graph, boost::keep_all(), boost::is_in_subset<std::set<std::int32_t>>(reachable));
    std::vector<std::int32_t> tree(order.size(), -1);
    boost::lengauer_tarjan_dominator_tree(
        part, 0, boost::make_iterator_property_map(tree.begin(), get(boost::vertex_index, graph)));
    REQUIRE(tree == dominators_by_definition(graph, 0));
  }
}

TEST_CASE("TapeGraph: edges are uses, so that x · x has two") {
  Tape tape;
  const Var x = Tensor{2., 3.};
  const Var y = x * x;
  const TapeGraph graph(tape);
  CHECK(num_vertices(graph) == 2);
  REQUIRE(num_edges(graph) == 2);
  const auto [first, last] = in_edges(y.id(), graph);
  CHECK(std::vector<TapeEdge>(first, last) == std::vector<TapeEdge>{{x.id(), y.id(), 0}, {x.id(), y.id(), 1}});
  const auto [begin, end] = out_edges(x.id(), graph);
  CHECK(std::vector<TapeEdge>(begin, end) == std::vector<TapeEdge>{{x.id(), y.id(), 0}, {x.id(), y.id(), 1}});
  CHECK(degree(x.id(), graph) == 2);
}

TEST_CASE("TapeGraph: property maps") {
  Tape tape;
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", ones({3, 4}));
  const Var product = matmul(Tensor::ones({2, 3}), weight);
  const TapeGraph graph(tape);
  const auto op = get(node_op, graph);
  CHECK(std::string(op[product.id()]) == "matmul");
  CHECK(get(node_kind, graph, product.id()) == Kind::contraction);
  CHECK(get(node_shape, graph, product.id()) == Shape{2, 4});
  CHECK(get(node_dtype, graph, product.id()) == DType::f32);
  CHECK(get(node_bytes, graph, product.id()) == 32);
  CHECK(get(node_flops, graph, product.id()) == 2 * 2 * 3 * 4);
  CHECK(get(node_line, graph, product.id()).line == __LINE__ - 9);
  CHECK(identical(get(node_value, graph, product.id()), Tensor::full({2, 4}, 3)));
  CHECK(graph.parameter_name(product.id() - 1) == "weight");
}

TEST_CASE("TapeGraph: a product's attribute is what is transposed, and its precision") {
  Tape tape;
  const Var a = noise({2, 3}, 1), b = noise({3, 4}, 2);
  const Var product = matmul(a, b, Precision::medium);
  CHECK(TapeGraph(tape).attribute(product.id()) == "bf16");
  const Var slope = gradients(sum(product * noise({2, 4}, 3)), {a})[0];
  CHECK(TapeGraph(tape).attribute(slope.id()) == "bᵀ, bf16");
  const Var exact = matmul(a, b);
  CHECK(TapeGraph(tape).attribute(exact.id()).empty());
}

TEST_CASE("TapeGraph: breadth-first search, components and isomorphism") {
  Tape tape;
  const Var x = Tensor{1., 2.};
  const Var y = tanh(x) + sigmoid(x);
  const Var apart = Var(Tensor{3.}) * 2;
  const TapeGraph graph(tape);

  std::vector<int> distance(static_cast<std::size_t>(graph.size()), -1);
  distance[static_cast<std::size_t>(x.id())] = 0;
  boost::queue<std::int32_t> queue;
  std::vector<boost::default_color_type> colors(distance.size());
  const auto index = get(boost::vertex_index, graph);
  boost::breadth_first_search(
      graph, x.id(),
      boost::visitor(boost::make_bfs_visitor(boost::record_distances(
                         boost::make_iterator_property_map(distance.begin(), index), boost::on_tree_edge())))
          .color_map(boost::make_iterator_property_map(colors.begin(), index)));
  CHECK(distance[static_cast<std::size_t>(y.id())] == 2);
  CHECK(distance[static_cast<std::size_t>(apart.id())] == -1);

  std::vector<int> component(distance.size());
  CHECK(boost::strong_components(graph, boost::make_iterator_property_map(component.begin(), index)) == graph.size());

  std::vector<std::int32_t> image(distance.size());
  const auto same_as = [&](const TapeGraph& other) {
    return boost::isomorphism(graph, other,
                              boost::isomorphism_map(boost::make_iterator_property_map(image.begin(), index)));
  };
  Tape second;
  const Var a = Tensor{3.};
  a * 2;
  const Var b = Tensor{1., 2.};
  sigmoid(b) + tanh(b);
  CHECK(same_as(TapeGraph(second)));
  b + b;
  CHECK_FALSE(same_as(TapeGraph(second)));
}

TEST_CASE("TapeGraph: which parameters, the critical path, recomputation") {
  ParameterRegistry registry;
  const Parameter weight1 = registry.add("weight1", he_normal({3, 8})),
                  weight2 = registry.add("weight2", he_normal({8, 2}));
  registry.add("unused", zeros({4}));
  Tape tape;
  const Var hidden = tanh(matmul(Tensor::ones({5, 3}), weight1));
  const Var small = sum(weight2);
  const Var loss = sum(matmul(hidden, weight2)) + small;
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters_of(loss)) names.push_back(parameter.name());
  CHECK(names == std::vector<std::string>{"weight1", "weight2"});
  CHECK(parameters_of(small).size() == 1);

  backward(loss);
  const TapeGraph graph(tape);
  const std::vector<std::int32_t> path = critical_path(graph, loss.id());
  CHECK(path.back() == loss.id());
  CHECK(std::find(path.begin(), path.end(), hidden.id()) != path.end());
  CHECK(std::find(path.begin(), path.end(), small.id()) == path.end());

  const Recomputation again = recomputation(graph, hidden.id());  // tanh's gradient and a matmul's read it
  CHECK(again.bytes_freed == 5 * 8 * 4);
  CHECK(again.flops == 5 * 8);
  CHECK(again.bytes_held == 5 * 8 * 4);  // the product before tanh would have to stay instead
  CHECK(recomputation(graph, loss.id()).bytes_freed == 0);
}

TEST_CASE("explain: a formula with names") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("affine.weight", zeros({3, 2})), bias = registry.add("affine.bias", zeros({2}));
  Tape tape;
  const Var x = Tensor::ones({4, 3});
  const Var hidden = relu(matmul(x, weight) + bias);
  const Var y = sum((hidden - 0.5) * hidden, 0) / -(bias + 1);
  CHECK(explain(y) == fmt::format("relu_{0} = relu(matmul(constant(4, 3), affine.weight) + affine.bias)\n"
                                  "divide_{1} = sum((relu_{0} - 0.5) · relu_{0}; axis 0) / (-(affine.bias + 1))\n",
                                  hidden.id(), y.id()));
}

TEST_CASE("TapeGraph: mistakes") {
  Tape tape;
  const Var x = Tensor{1., 2.};
  const TapeGraph graph(tape);
  CHECK(error_of<IndexError>([&] { graph.op(7); }) == "[TapeGraph] there is no node 7; the view has 1 nodes");
  x.value();
  CHECK(error_of<TapeError>([&] { TapeGraph(tape).var(1); }) ==
        "[TapeGraph] node 1 is the request value: it has no value");
  tape.clear();
  CHECK(error_of<TapeError>([&] { graph.op(0); }) ==
        "[TapeGraph] its tape has ended or was cleared; make a new one of a living tape");
}
