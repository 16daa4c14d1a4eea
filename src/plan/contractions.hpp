#pragma once
// Matrix products. Their factors are read in place if rows or columns are contiguous; their epilogues take a bias, an
// activation, or the gradient of one.

#include <cstdint>
#include <optional>

#include "src/plan/operands.hpp"
#include "src/plan/request_graph.hpp"
#include "src/plan/schedule.hpp"

namespace thalweg::internal {

class Contractions {
 public:
  Contractions(RequestGraph& graph, Schedule& schedule, Operands& operands)
      : graph_(graph), schedule_(schedule), operands_(operands) {}

  void place(PlannedNode& node, const Key& key);
  /// Lets the product before an elementwise node compute it, too; false if it cannot.
  bool take_in_epilogue(PlannedNode& node, const Key& key);

 private:
  struct Factor;
  Factor place_factor(std::int32_t id, bool transposed);
  std::int32_t batch_of(const Factor& a, const Factor& b, const Shape& product);

  bool take_activation(PlannedNode& node, const Key& key);
  bool take_bias(PlannedNode& node, std::int32_t sum, std::int32_t bias);
  MatmulPass* open_product(std::int32_t sum, const PlannedNode& reader);
  bool is_there_before(std::int32_t sum, std::int32_t operand);
  void put(PlannedNode& node, MatmulPass& product, std::int32_t sum);

  RequestGraph& graph_;
  Schedule& schedule_;
  Operands& operands_;
};

}  // namespace thalweg::internal
