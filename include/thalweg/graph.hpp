#pragma once
// The tape as a Boost graph. TapeGraph models VertexListGraph, EdgeListGraph, BidirectionalGraph and AdjacencyGraph;
// Boost's read-only algorithms run on it as it is:
//
//   const tw::TapeGraph graph(tape);
//   std::vector<int> order;
//   boost::topological_sort(graph, std::back_inserter(order));
//
// A vertex is a node's id. An edge is one use of a value (x · x has two); it points from the value to its reader.
// Property maps: get(boost::vertex_index, graph), and tw::node_op, node_kind, node_shape, node_dtype, node_bytes,
// node_flops, node_scope, node_line, node_value, as in get(get(tw::node_flops, graph), vertex). node_value computes the
// value (a request on the tape).
//
// This is the only header that includes Boost.Graph. Since that compiles slowly, thalweg.hpp does not include it.

#include <iterator>
#include <limits>
#include <utility>

#include <boost/graph/graph_traits.hpp>
#include <boost/graph/properties.hpp>
#include <boost/iterator/counting_iterator.hpp>
#include <boost/iterator/transform_iterator.hpp>
#include <boost/property_map/property_map.hpp>

#include <thalweg/tape_graph.hpp>

namespace thalweg::internal {

struct TapeGraphCategory : boost::bidirectional_graph_tag,
                           boost::adjacency_graph_tag,
                           boost::vertex_list_graph_tag,
                           boost::edge_list_graph_tag {};

/// Input number → edge, for the edges into one node.
struct InEdge {
  const TapeGraph* graph = nullptr;
  std::int32_t target = -1;
  TapeEdge operator()(std::int32_t input) const {
    return {graph->inputs(target)[static_cast<std::size_t>(input)], target, input};
  }
};

struct TargetOf {
  std::int32_t operator()(const TapeEdge& edge) const { return edge.target; }
};

}  // namespace thalweg::internal

template <>
struct boost::graph_traits<thalweg::TapeGraph> {
  using vertex_descriptor = std::int32_t;
  using edge_descriptor = thalweg::TapeEdge;
  using directed_category = boost::bidirectional_tag;
  using edge_parallel_category = boost::allow_parallel_edge_tag;
  using traversal_category = thalweg::internal::TapeGraphCategory;
  using vertices_size_type = std::size_t;  // unsigned: Boost's dominator tree counts from its largest value on
  using edges_size_type = std::size_t;
  using degree_size_type = std::size_t;
  using vertex_iterator = boost::counting_iterator<std::int32_t>;
  using edge_iterator = const thalweg::TapeEdge*;
  using out_edge_iterator = const thalweg::TapeEdge*;
  using in_edge_iterator = boost::transform_iterator<thalweg::internal::InEdge, boost::counting_iterator<std::int32_t>>;
  using adjacency_iterator = boost::transform_iterator<thalweg::internal::TargetOf, out_edge_iterator>;

  static constexpr vertex_descriptor null_vertex() { return -1; }
};

namespace thalweg {

using TapeGraphTraits = boost::graph_traits<TapeGraph>;

// --- VertexListGraph, EdgeListGraph ---

inline std::pair<TapeGraphTraits::vertex_iterator, TapeGraphTraits::vertex_iterator> vertices(const TapeGraph& graph) {
  return {TapeGraphTraits::vertex_iterator(0), TapeGraphTraits::vertex_iterator(graph.size())};
}
inline std::size_t num_vertices(const TapeGraph& graph) { return static_cast<std::size_t>(graph.size()); }

inline std::pair<const TapeEdge*, const TapeEdge*> edges(const TapeGraph& graph) {
  return {graph.edges().data(), graph.edges().data() + graph.edges().size()};
}
inline std::size_t num_edges(const TapeGraph& graph) { return graph.edges().size(); }
inline std::int32_t source(const TapeEdge& edge, const TapeGraph& /*graph*/) { return edge.source; }
inline std::int32_t target(const TapeEdge& edge, const TapeGraph& /*graph*/) { return edge.target; }

// --- IncidenceGraph, BidirectionalGraph, AdjacencyGraph ---

inline std::pair<const TapeEdge*, const TapeEdge*> out_edges(std::int32_t vertex, const TapeGraph& graph) {
  const std::span<const TapeEdge> uses = graph.uses(vertex);
  return {uses.data(), uses.data() + uses.size()};
}
inline std::size_t out_degree(std::int32_t vertex, const TapeGraph& graph) { return graph.uses(vertex).size(); }

inline std::size_t in_degree(std::int32_t vertex, const TapeGraph& graph) { return graph.inputs(vertex).size(); }
inline std::pair<TapeGraphTraits::in_edge_iterator, TapeGraphTraits::in_edge_iterator> in_edges(
    std::int32_t vertex, const TapeGraph& graph) {
  const internal::InEdge edge{&graph, vertex};
  const auto count = static_cast<std::int32_t>(in_degree(vertex, graph));
  return {{boost::counting_iterator<std::int32_t>(0), edge}, {boost::counting_iterator<std::int32_t>(count), edge}};
}
inline std::size_t degree(std::int32_t vertex, const TapeGraph& graph) {
  return in_degree(vertex, graph) + out_degree(vertex, graph);
}

inline std::pair<TapeGraphTraits::adjacency_iterator, TapeGraphTraits::adjacency_iterator> adjacent_vertices(
    std::int32_t vertex, const TapeGraph& graph) {
  const auto [first, last] = out_edges(vertex, graph);
  return {{first, {}}, {last, {}}};
}

// --- property maps ---

inline boost::typed_identity_property_map<std::int32_t> get(boost::vertex_index_t /*tag*/, const TapeGraph& /*graph*/) {
  return {};
}
inline std::int32_t get(boost::vertex_index_t /*tag*/, const TapeGraph& /*graph*/, std::int32_t vertex) {
  return vertex;
}

/// A readable property map over `Read`, a function of graph and node.
template <auto Read>
class NodeProperty {
 public:
  using key_type = std::int32_t;
  using value_type = std::remove_cvref_t<decltype(Read(std::declval<const TapeGraph&>(), std::int32_t{}))>;
  using reference = value_type;
  using category = boost::readable_property_map_tag;

  explicit NodeProperty(const TapeGraph& graph) : graph_(&graph) {}
  friend value_type get(const NodeProperty& map, std::int32_t vertex) { return Read(*map.graph_, vertex); }
  value_type operator[](std::int32_t vertex) const { return Read(*graph_, vertex); }

 private:
  const TapeGraph* graph_;
};

/// Names a NodeProperty: get(tw::node_flops, graph).
template <auto Read>
struct NodePropertyTag {};
template <auto Read>
NodeProperty<Read> get(NodePropertyTag<Read> /*tag*/, const TapeGraph& graph) {
  return NodeProperty<Read>(graph);
}
template <auto Read>
auto get(NodePropertyTag<Read> /*tag*/, const TapeGraph& graph, std::int32_t vertex) {
  return Read(graph, vertex);
}

inline constexpr NodePropertyTag<[](const TapeGraph& graph, std::int32_t id) { return graph.op(id).name; }> node_op{};
inline constexpr NodePropertyTag<[](const TapeGraph& graph, std::int32_t id) { return graph.kind(id); }> node_kind{};
inline constexpr NodePropertyTag<[](const TapeGraph& graph, std::int32_t id) { return graph.shape(id); }> node_shape{};
inline constexpr NodePropertyTag<[](const TapeGraph& graph, std::int32_t id) { return graph.dtype(id); }> node_dtype{};
inline constexpr NodePropertyTag<[](const TapeGraph& graph, std::int32_t id) { return graph.bytes(id); }> node_bytes{};
inline constexpr NodePropertyTag<[](const TapeGraph& graph, std::int32_t id) { return graph.flops(id); }> node_flops{};
inline constexpr NodePropertyTag<[](const TapeGraph& graph, std::int32_t id) { return graph.scope(id); }> node_scope{};
inline constexpr NodePropertyTag<[](const TapeGraph& graph, std::int32_t id) { return graph.line(id); }> node_line{};
inline constexpr NodePropertyTag<[](const TapeGraph& graph, std::int32_t id) { return graph.var(id).value(); }>
    node_value{};

}  // namespace thalweg

template <>
struct boost::property_map<thalweg::TapeGraph, boost::vertex_index_t> {
  using type = boost::typed_identity_property_map<std::int32_t>;
  using const_type = type;
};
