#pragma once
// A tape as a graph: its nodes, their readers, and queries on them. For Boost.Graph's algorithms see graph.hpp, for
// pictures draw.hpp.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <thalweg/op.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

/// One use of a value: input number `input` of node `target` is node `source`. x · x has two of them.
struct TapeEdge {
  std::int32_t source = -1;
  std::int32_t target = -1;
  std::int32_t input = 0;

  friend auto operator<=>(const TapeEdge&, const TapeEdge&) = default;
};

/// A view of everything recorded on a tape so far, including requests and what differentiation appended. Nodes are
/// identified by their ids, which are a topological order. The view copies nothing but an index of each node's readers.
///
/// Usable until the tape ends or is cleared; after that it throws TapeError. Nodes recorded after the view was created
/// are not part of it.
class TapeGraph {
 public:
  explicit TapeGraph(const Tape& tape) : TapeGraph(tape.recorder()) {}
  explicit TapeGraph(internal::Recorder& recorder);

  std::int32_t size() const { return size_; }
  /// All uses, sorted by source, target and input number.
  std::span<const TapeEdge> edges() const { return edges_; }
  /// The uses of node `id`'s value.
  std::span<const TapeEdge> uses(std::int32_t id) const;
  /// The inputs of node `id`. The input of a request is what it asks for.
  std::span<const std::int32_t> inputs(std::int32_t id) const;

  const Op& op(std::int32_t id) const;
  Kind kind(std::int32_t id) const { return op(id).kind; }
  const Shape& shape(std::int32_t id) const;
  DType dtype(std::int32_t id) const;
  /// Size of the node's value; 0 for requests and other nodes without a value.
  std::int64_t bytes(std::int32_t id) const;
  /// Floating-point operations: 2·m·k·n for a matrix product, one per element for elementwise ops and (per input
  /// element) for reductions, 0 for ops that only move data.
  std::int64_t flops(std::int32_t id) const;
  /// "affine1/relu"; for a node of a backward pass, the scope of the node it differentiates.
  std::string scope(std::int32_t id) const;
  /// The user's line: that of the outermost scope.
  SourceLine line(std::int32_t id) const;
  /// A parameter's name; empty for other nodes.
  std::string parameter_name(std::int32_t id) const;
  /// The value of a number or literal.
  double number(std::int32_t id) const;
  /// The node's attribute as text: axes, transposes, target shape; empty if it has none.
  std::string attribute(std::int32_t id) const;
  /// Whether differentiation recorded it.
  bool is_backward(std::int32_t id) const;
  /// Whether it is a request (value, item, backward, run) or another node without a value.
  bool is_request(std::int32_t id) const;

  /// The Var of node `id`, for instance to ask for its value(). TapeError for a request.
  Var var(std::int32_t id) const;

  /// For the engine's own use.
  internal::Recorder& recorder() const;

 private:
  void check(std::int32_t id) const;

  internal::Recorder* recorder_;
  std::uint64_t serial_;
  std::int32_t size_;
  std::vector<std::int32_t> first_use_;  // by source, and the end
  std::vector<TapeEdge> edges_;
};

/// The ids of `y` and of everything it is computed from, ascending.
std::vector<std::int32_t> ancestors(const TapeGraph& graph, std::int32_t y);

/// The parameters that `y` depends on, in the order in which the tape first reads them.
std::vector<Parameter> parameters_of(const Var& y);

/// The path to `y` with the most floating-point operations, first node first: a lower bound for any number of
/// processors, since its nodes must be computed one after another.
std::vector<std::int32_t> critical_path(const TapeGraph& graph, std::int32_t y);

/// What recomputing the value of `id` for the backward pass, instead of keeping it, would change.
struct Recomputation {
  std::int64_t bytes_freed = 0;  // its own size, if a node of a backward pass reads it
  std::int64_t bytes_held = 0;   // its inputs that would have to be kept, unless a backward pass reads them anyway
  std::int64_t flops = 0;        // of recomputing it
};
Recomputation recomputation(const TapeGraph& graph, std::int32_t id);

/// The formula of `y` as text, with one line per value that is used more than once, `y` last:
///     hidden = relu(matmul(constant(128, 784), affine1.weight) + affine1.bias)
/// Named values without a user's name are named after their op and id, as in relu_7. Requests and gradients appear only
/// if `y` is one.
std::string explain(const Var& y);

}  // namespace thalweg
