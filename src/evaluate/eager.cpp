// The eager engine: computes each node as it is recorded, with a plan of one node. No fusion, no memory reuse: a
// reference to test planned execution against.

#include <algorithm>
#include <cstring>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/plan.hpp"
#include "src/tape/recorder.hpp"
#include "src/tensor/allocations.hpp"
#include "src/tensor/shape_error.hpp"

namespace thalweg::internal {

namespace {

bool has_value(const Key& key) {
  return key.op->kind != Kind::effect && key.op != &number_op && key.op != &literal_op && key.op != &column_index_op;
}

}  // namespace

void* Recorder::eager_data(std::int32_t id) {
  if (!eager_values_.has(id)) {
    const NodeType node = type(id);
    eager_values_.set(
        id, Tensor(made_for(key(id).op->name, user_line(id), [&] { return allocate_elements(node.shape, node.dtype); }),
                   node.dtype, node.shape));
  }
  return const_cast<void*>(eager_values_[id].raw());
}

void Recorder::compute_eagerly(std::int32_t id) {
  const Key& node = key(id);
  // Sources need no computation; arithmetic on numbers is done where it is read.
  if (!has_value(node) || node.op->kind == Kind::source || info(id).weak) return;
  Plan::make_node(*this, id)->run(*this, {}, line(id));
}

const Tensor& Recorder::eager_value(std::int32_t id) {
  if (!eager_values_.has(id)) Plan::make_node(*this, id)->run(*this, {}, line(id));
  return eager_values_[id];  // where the plan has stored it
}

/// The same rule as RequestGraph::collect_leaves: a request must not depend on a changed parameter, except through values that
/// were requested before.
void Recorder::check_eager_leaves(Segment& segment, SourceLine line) {
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(next_), 0);
  for (const Segment* earlier : path())
    if (earlier != &segment)
      for (const std::int32_t id : earlier->asked) seen[static_cast<std::size_t>(id)] = 1;
  std::vector<std::int32_t> stack, leaves;
  const auto visit = [&](std::int32_t id) {
    if (seen[static_cast<std::size_t>(id)]) return;
    seen[static_cast<std::size_t>(id)] = 1;
    stack.push_back(id);
  };
  for (const GradientOutput& output : segment.gradient_outputs)
    if (output.node >= 0) visit(output.node);
  const std::vector<bool> overwritten = effects_.overwritten();
  for (std::size_t i = 0; i < overwritten.size(); ++i)
    if (!overwritten[i]) visit(effects_.pending()[i].node);
  for (const std::int32_t id : segment.asked) visit(id);
  for (std::int32_t id = segment.base; id < segment.request; ++id)
    if (key(id).op == &keep_op) visit(key(id).inputs[0]);
  while (!stack.empty()) {
    const std::int32_t id = stack.back();
    stack.pop_back();
    if (key(id).op == &parameter_op || key(id).op == &registry_buffer_op) leaves.push_back(id);
    for (const std::int32_t input : inputs(id)) visit(input);
  }
  std::sort(leaves.begin(), leaves.end());  // the error names the first
  for (const std::int32_t leaf : leaves) check_fresh(leaf, line);
}

const void* Recorder::execute_eager(Segment& segment, SourceLine line, const BackwardTarget& target) {
  const Key request = key(segment.request);
  check_eager_leaves(segment, line);
  // What is to be kept has been computed already, except for sources, which are read where they lie.
  for (std::int32_t id = segment.base; id < segment.request; ++id)
    if (const Key& node = key(id); node.op == &keep_op) eager_value(node.inputs[0]);
  // Compute all values before any write, so that a throw leaves the parameters unchanged.
  std::vector<std::pair<Tensor, PendingEffect>> writes;
  const std::vector<PendingEffect>& pending = effects_.pending();
  writes.reserve(pending.size());
  const std::vector<bool> overwritten = effects_.overwritten();
  for (std::size_t i = 0; i < pending.size(); ++i)
    if (!overwritten[i]) writes.emplace_back(eager_value(inputs(pending[i].node)[0]), pending[i]);
  for (const GradientOutput& output : segment.gradient_outputs) {
    RegistryCore& core = *reads_.find(segment.registries[static_cast<std::size_t>(output.registry)]);
    char* data = core.gradient_data(output.index);
    if (target.buffer != nullptr)
      data = static_cast<char*>(target.buffer) + (data - static_cast<char*>(core.gradients.data()));
    const std::size_t bytes =
        static_cast<std::size_t>(core.entries[static_cast<std::size_t>(output.index)].shape.size()) *
        size_of(core.dtype);
    if (bytes == 0) continue;  // the pointers may be null
    if (output.node < 0) {
      std::memset(data, 0, bytes);
    } else {
      std::memcpy(data, eager_value(output.node).raw(), bytes);
    }
  }
  const bool asks = request.op != &effects_request_op;
  const void* const value = asks ? eager_value(request.inputs[0]).raw() : nullptr;
  if (request.op == &value_request_op) {
    const Tensor& asked = eager_value(request.inputs[0]);
    held_.add(request.inputs[0], asked.dtype(), info(request.inputs[0]).shape, &segment, asked.storage());
  }
  for (const auto& [tensor, effect] : writes)
    if (tensor.bytes() > 0) std::memcpy(assigned_data(effect.node), tensor.raw(), tensor.bytes());
  return value;
}

}  // namespace thalweg::internal
