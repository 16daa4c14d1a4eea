// Copies of operands that sweeps cannot read where they are.

#include <algorithm>

#include "src/plan/operands.hpp"

namespace thalweg::internal {

using run::Extent;

OperandGeometry Operands::geometry_in(std::int32_t id, const Shape& domain) const {
  for (const PlannedNode* node = &graph_.node(id);
       node->where == PlannedNode::Where::lazy && node->buffer < 0 && graph_.key(id).op->kind == Kind::broadcast;
       node = &graph_.node(id))
    id = graph_.key(id).inputs[0];
  return operand_geometry(graph_.shape(id), domain);
}

const Operands::CopiedOut* Operands::copied_out(std::int32_t id) const {
  for (const CopiedOut& copied : copied_out_)
    if (copied.node == id) return &copied;
  return nullptr;
}

/// Copies out rows of different lengths. (Beside values of other extents none are left to readers, see
/// RequestGraph::reads_by_rows.)
void Operands::copy_out_rows(std::span<const std::int32_t> inputs) {
  std::int64_t length = 0;
  bool agree = true;
  for (const std::int32_t input : inputs) {
    if (!is_rows(input)) continue;
    agree = agree && (length == 0 || rows_of(input).length == length);
    length = rows_of(input).length;
  }
  if (agree) return;
  for (const std::int32_t input : inputs)
    if (is_rows(input)) materialize(input);
}

/// Copies out operands that have no simple extent in the domain: stretched to lie per row or, if the number of columns
/// then does not agree with other operands, to the whole domain. If all operands are stretched, copies one of them out
/// to the whole domain as well: a sweep computes a value per element only from operands of which one has all elements.
void Operands::copy_out_stretched(std::span<const std::int32_t> inputs, const Shape& domain) {
  Extent joined = Extent::single;
  std::int64_t columns = 0, batches = 0;
  const auto is_equal = [](std::int64_t a, std::int64_t b) { return a == 0 || b == 0 || a == b; };
  const auto agrees = [&](const OperandGeometry& geometry) {
    return geometry.simple && is_equal(geometry.columns, columns) && is_equal(geometry.batches, batches);
  };
  for (const std::int32_t input : inputs) {
    OperandGeometry geometry = geometry_in(input, domain);
    if (!agrees(geometry)) {
      Shape target = stretched_to_rows(graph_.shape(input), domain);
      geometry = operand_geometry(target, domain);
      if (!agrees(geometry)) {
        target = domain;
        geometry = {};
      }
      copy_out(input, target, geometry);
    }
    if (geometry.columns != 0) columns = geometry.columns;
    if (geometry.batches != 0) batches = geometry.batches;
    joined = join_extents(joined, geometry.extent);
  }
  if (joined == Extent::element || domain.size() == 1 || inputs.empty()) return;
  // Not a number, whose own dtype is not the one it is read in.
  const auto stretched =
      std::find_if(inputs.begin(), inputs.end(), [&](std::int32_t id) { return !graph_.info(id).weak; });
  const std::int32_t whole = stretched == inputs.end() ? inputs[0] : *stretched;
  std::erase_if(copied_out_, [&](const CopiedOut& copied) { return copied.node == whole; });
  copy_out(whole, domain, {});
}

/// Copies an operand out, stretched to `target`.
void Operands::copy_out(std::int32_t input, const Shape& target, const OperandGeometry& geometry) {
  std::int32_t known = graph_.node(input).stretched_copy;
  for (; known >= 0; known = stretched_copies_[static_cast<std::size_t>(known)].previous) {
    const StretchedCopy& copy = stretched_copies_[static_cast<std::size_t>(known)];
    if (copy.shape == target) return copied_out_.push_back({input, copy.buffer, copy.pass, geometry});
  }
  const std::int32_t from = materialize(input);
  const StridedView view = broadcast_to_op.view_rule(graph_.shape(input), target, 0, {});
  const std::int32_t buffer = copy_view(input, from, view, target);
  std::int32_t pass = schedule_.last_pass();
  if (graph_.node(input).buffer_pass < 0) {  // available from the beginning: see insert_early_passes
    early_passes_.push_back(schedule_.passes_.back());
    schedule_.passes_.pop_back();
    pass = -1;
  }
  copied_out_.push_back({input, buffer, pass, geometry});
  std::int32_t& latest = graph_.node(input).stretched_copy;
  stretched_copies_.push_back({buffer, pass, target, latest});
  latest = static_cast<std::int32_t>(stretched_copies_.size()) - 1;
}

}  // namespace thalweg::internal
