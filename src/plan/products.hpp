#pragma once
// Optimizations across the products of a schedule. Both arise in recurrent nets, which multiply by the same weights at
// each time step, so that the weights' gradient is a sum over time steps.
// - A parameter that several products read transposed is transposed once.
// - Short products that are added up are merged: C + A₁ᵀ·B₁ + A₂ᵀ·B₂ + … is a single product over all of k if the Aᵢ are
//   contiguous in memory, and the Bᵢ. The kernel then loads and stores C once for many terms.
// The bits do not change: a sum runs over k in order.

#include <cstdint>
#include <span>
#include <vector>

#include "src/plan/layout.hpp"
#include "src/plan/schedule.hpp"

namespace thalweg::internal {

void share_transposes(Schedule& schedule);

class ProductMerger {
 public:
  /// Merges products; returns the buffers that must be contiguous for it, by buffer (empty if there are none).
  std::span<const GroupMember> merge(Schedule& schedule);

 private:
  void count_reads(const Schedule& schedule);
  void find_chains(const Schedule& schedule);
  void merge_chain(Schedule& schedule, std::int32_t end);
  bool group(const Schedule& schedule, std::span<const std::int32_t> buffers);
  bool are_grouped(std::span<const std::int32_t> buffers) const;
  bool can_be_grouped(const Schedule& schedule, std::span<const std::int32_t> buffers) const;
  void drop_merged(Schedule& schedule);

  std::vector<GroupMember> groups_;            // by buffer
  std::vector<std::int32_t> reads_, made_by_;  // by buffer: number of readers, and the product that writes it
  /// A product's place in a chain of products that are added up: each is the only reader of the sum before it.
  struct Link {
    std::int32_t before = -1, after = -1, length = 1;
    std::int32_t place = -1;  // index among the remaining products; −1: merged into another one
  };
  std::vector<Link> links_;                                    // by product
  std::vector<std::int32_t> chain_, chain_of_a_, chain_of_b_;  // the products of a chain, and their factors
};

}  // namespace thalweg::internal
