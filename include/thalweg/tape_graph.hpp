#pragma once
// A tape as a graph: what stands on it, who reads whom, and questions about that. For Boost.Graph's algorithms see
// graph.hpp, for pictures draw.hpp.

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

/// A view of everything recorded on a tape until now: requests, and what differentiation appended, included. A node is
/// its id; ids are a topological order. Nothing of the tape is copied but an index of who reads each node.
///
/// Usable while the tape lives and is not cleared; anything else is a TapeError that says so. Nodes recorded after the
/// view was made are not in it.
class TapeGraph {
 public:
  explicit TapeGraph(const Tape& tape) : TapeGraph(tape.recorder()) {}
  explicit TapeGraph(internal::Recorder& recorder);

  std::int32_t size() const { return size_; }
  /// All uses, by source, then target, then input number.
  std::span<const TapeEdge> edges() const { return edges_; }
  /// The uses of node `id`.
  std::span<const TapeEdge> uses(std::int32_t id) const;
  /// What node `id` reads, in the order of its inputs. A request reads what it asks for.
  std::span<const std::int32_t> inputs(std::int32_t id) const;

  const Op& op(std::int32_t id) const;
  Kind kind(std::int32_t id) const { return op(id).kind; }
  const Shape& shape(std::int32_t id) const;
  DType dtype(std::int32_t id) const;
  /// Of the node's value; 0 for requests and other marks.
  std::int64_t bytes(std::int32_t id) const;
  /// Floating-point operations: 2·m·k·n for a matrix product, one an element for elementwise ops and reductions (of what
  /// they reduce), 0 for whatever only moves data.
  std::int64_t flops(std::int32_t id) const;
  /// "affine1/relu"; of a node made by differentiation that of the node it differentiates.
  std::string scope(std::int32_t id) const;
  /// Where the user wrote it: the outermost scope's line.
  SourceLine line(std::int32_t id) const;
  /// A parameter's name; empty for other nodes.
  std::string parameter_name(std::int32_t id) const;
  /// The value of a number or literal.
  double number(std::int32_t id) const;
  /// What tells this node from another of its op: axes, transposes, target shape; empty where there is nothing to say.
  std::string attribute(std::int32_t id) const;
  /// Whether differentiation appended it.
  bool is_backward(std::int32_t id) const;
  /// Whether it is a request (value, item, backward, run) or a mark, without a value of its own.
  bool is_request(std::int32_t id) const;

  /// The handle of node `id`, e.g. to ask for its value(). TapeError for a request.
  Var var(std::int32_t id) const;

  /// What the engine's own readings of the tape use.
  internal::Recorder& recorder() const;

 private:
  void check(std::int32_t id) const;

  internal::Recorder* recorder_;
  std::uint64_t serial_;
  std::int32_t size_;
  std::vector<std::int32_t> first_use_;  // by source, and the end
  std::vector<TapeEdge> edges_;
};

/// The ids of everything that `y` is computed from, itself included, ascending.
std::vector<std::int32_t> ancestors(const TapeGraph& graph, std::int32_t y);

/// The parameters that `y` depends on, in the order in which the tape first reads them.
std::vector<Parameter> parameters_of(const Var& y);

/// The path of the most floating-point operations that ends in `y`, first node first: what no number of processors could
/// compute faster than one after the other.
std::vector<std::int32_t> critical_path(const TapeGraph& graph, std::int32_t y);

/// What would change if the value of `id` were computed again for the backward pass rather than kept for it.
struct Recomputation {
  std::int64_t bytes_freed = 0;  // its own, where a node of a backward pass reads it
  std::int64_t bytes_held = 0;   // inputs of it that would have to be kept and are not read by a backward pass as it is
  std::int64_t flops = 0;        // of computing it once more
};
Recomputation recomputation(const TapeGraph& graph, std::int32_t id);

/// The formula of `y` as text, a line for each value that is used more than once, `y` last:
///     hidden = relu(matmul(constant(128, 784), affine1.weight) + affine1.bias)
/// A value with a name of its own has that of its op and its id: relu_7. Requests and gradients are not in it unless `y`
/// is one.
std::string explain(const Var& y);

}  // namespace thalweg
