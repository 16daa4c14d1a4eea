// A plan's passes as plain data, for pictures and profiles.

#include "src/core_ops/core_ops.hpp"
#include "src/plan/plan.hpp"

namespace thalweg::internal {

std::vector<Plan::PassSummary> Plan::pass_summaries() const {
  std::vector<PassSummary> summaries;
  for (const Pass& pass : passes_) {
    PassSummary summary;
    summary.reads = reads(pass);
    summary.writes = writes(pass);
    summary.bytes = pass_bytes(pass);
    const auto set = [&](const char* title, std::span<const std::int32_t> nodes) {
      summary.title = title;
      summary.nodes.assign(nodes.begin(), nodes.end());
    };
    switch (pass.kind) {
      case Pass::Kind::sweep: set("sweep", list(sweep(pass).nodes)); break;
      case Pass::Kind::matmul:
        summary.title = "matmul";
        summary.nodes = nodes(matmul(pass));
        break;
      case Pass::Kind::copy: set("copy", {&copy(pass).node, 1}); break;
      case Pass::Kind::opaque: set("opaque", {&opaque(pass).node, 1}); break;
      case Pass::Kind::zero: set("zeros", {}); break;
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

std::int64_t Plan::flops(const Recorder& recorder, std::int32_t id) {
  const Key& key = recorder.key(id);
  const auto shape = [&](std::int32_t node) -> const Shape& { return *recorder.info(node).shape; };
  const auto input = [&] { return shape(recorder.inputs(id)[0]); };
  switch (key.op->kind) {
    case Kind::elementwise: return shape(id).size();
    case Kind::reduction: return input().size();
    case Kind::contraction: {
      const Shape a = input();
      const bool transposed = (key.attribute & transpose_a_bit) != 0;
      return 2 * shape(id).size() * (a.rank() < 2 ? 1 : a[a.rank() - (transposed ? 2 : 1)]);
    }
    default: return 0;
  }
}

Plan::BufferView Plan::buffer_view(std::int32_t buffer) const {
  while (buffers_[buffer].place == PlanBuffer::Place::alias) buffer = buffers_[buffer].base;
  const PlanBuffer& root = buffers_[buffer];
  using Place = PlanBuffer::Place;
  BufferView view{buffer, root.offset, root.bytes, root.place == Place::arena || root.place == Place::earlier,
                  "",     root.node};
  switch (root.place) {
    case Place::arena:
    case Place::earlier:
    case Place::alias:
    case Place::constant:
    case Place::registry: break;
    case Place::number: view.where = "number"; break;
    case Place::held: view.where = "asked for:"; break;
    case Place::eager: view.where = "eager value:"; break;
    case Place::assigned: view.where = "written:"; break;
    case Place::gradient:
      view.where = "gradient of";
      view.registry = root.node;
      view.parameter = root.index;
      view.node = -1;
      break;
  }
  return view;
}

}  // namespace thalweg::internal
