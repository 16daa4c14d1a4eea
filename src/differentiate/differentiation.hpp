#pragma once
// Reverse-mode differentiation: one loop backward over the nodes that y depends on, which records the gradients' nodes at
// the tape's end. Not recursive; linear in the number of those nodes, however long the tape is.
//
// For y with gradient ȳ: every node v gets v̄ = Σ over its uses u of (∂u/∂v)ᵀ ū, each term recorded by the pullback of u's
// op for that input. Griewank and Walther, Evaluating Derivatives, 2nd ed., section 3.2 (reverse mode).

#include <algorithm>
#include <cstdint>
#include <ranges>
#include <unordered_map>
#include <utility>
#include <vector>

#include "src/tape/recorder.hpp"

namespace thalweg::internal {

/// Whether a value of this type has a gradient.
inline bool is_differentiable(const Info& info) { return is_floating(info.dtype) || info.weak; }

/// Whether the target's selection, if it has one, contains the parameter.
inline bool selects(const BackwardTarget& target, std::int32_t index) {
  const std::vector<int>* const selection = target.selection;
  return selection == nullptr || std::find(selection->begin(), selection->end(), index) != selection->end();
}

/// The reads of parameters whose gradients a `backward` fills.
struct WantedParameters {
  std::vector<std::pair<RegistryCore*, std::int32_t>> leaves;  // the first read of each parameter
  std::unordered_map<std::uint64_t, std::int32_t> first_leaf;  // the same, by the parameter's address
  std::vector<std::int32_t> assigned;                          // reads after an assignment, which have no gradient
};

/// One backward pass from node y.
class Differentiation {
 public:
  /// Of y by nodes from `first` on.
  Differentiation(Recorder& recorder, std::int32_t y, std::int32_t first = 0);

  /// Of the nodes that y depends on, those that read a parameter, in order.
  auto reads() const { return reads_ | std::views::reverse; }
  /// Requests the gradient of node `id`. The gradients of several nodes may be summed at one of them, `gather_at`.
  void want(std::int32_t id) {
    if (id >= base_) node(id).needed = true;
  }
  void gather(std::int32_t id, std::int32_t gather_at) { node(id).gathered = gather_at; }
  /// Requests the gradients of the target's trainable parameters, each summed at the first of its reads.
  WantedParameters want_parameters(const BackwardTarget& target);

  /// Records the backward pass from `seed`, the gradient of y.
  void run(std::int32_t seed);

  /// The node of the gradient; −1 if y does not depend on `id`.
  std::int32_t gradient(std::int32_t id) const { return id < base_ ? -1 : nodes_[id - base_].gradient; }

 private:
  struct Node {
    std::int32_t gradient = -1;
    std::int32_t gathered = -1;  // where its gradient is summed; −1: at the node itself
    bool needed = false;
  };
  /// A pending sum of nodes that join into one (see Op::sums_by_joining); recorded when it is complete.
  struct Joined {
    std::int32_t node;  // whose gradient the sum is
    const Op* op;
    std::uint64_t attribute;
    std::int32_t beside;  // the sum of terms that do not join; −1: there are none
    std::vector<std::int32_t> inputs;
  };

  Node& node(std::int32_t id) { return nodes_[id - base_]; }
  bool is_needed(std::int32_t id) const { return id >= base_ && nodes_[id - base_].needed; }
  void mark_paths();
  void pull_back(std::int32_t id);
  void check_fits(const Var& term, std::int32_t input, int index) const;
  void accumulate(std::int32_t input, Var term, std::int32_t first_new);
  void add_product(std::int32_t& sum, const Var& product);
  bool join(std::int32_t input, const Key& term);
  std::size_t find_joined(std::int32_t id) const;
  void record_joined(std::size_t at);

  Recorder& recorder_;
  std::int32_t y_;
  std::vector<std::int32_t> path_;   // the nodes that y depends on, from y down
  std::vector<std::int32_t> reads_;  // of these, those that read a parameter
  std::int32_t base_;                // the first of them
  std::vector<Node> nodes_;          // from there up to y
  std::vector<Var> inputs_;
  std::vector<Joined> joined_;  // few, so a linear search will do
};

}  // namespace thalweg::internal
