// A plan's passes as plain data, for pictures and profiles.

#include "src/plan/plan.hpp"

namespace thalweg::internal {

std::vector<Plan::Group> Plan::groups() const {
  std::vector<Group> groups;
  for (const Step& step : steps_) {
    Group group;
    group.reads = reads(step);
    group.writes = writes(step);
    group.bytes = step_bytes(step);
    const auto set = [&](const char* title, std::span<const std::int32_t> nodes) {
      group.title = title;
      group.nodes.assign(nodes.begin(), nodes.end());
    };
    switch (step.kind) {
      case Step::Kind::sweep: set("sweep", sweep_list(sweep(step).nodes)); break;
      case Step::Kind::matmul:
        set("matmul", {matmul(step).nodes, static_cast<std::size_t>(matmul(step).node_count)});
        break;
      case Step::Kind::copy: set("copy", {&copy(step).node, 1}); break;
      case Step::Kind::opaque: set("opaque", {&opaque(step).node, 1}); break;
      case Step::Kind::zero: set("zeros", {}); break;
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

Plan::BufferView Plan::buffer_view(std::int32_t buffer) const {
  while (buffers_[static_cast<std::size_t>(buffer)].place == PlanBuffer::Place::alias)
    buffer = buffers_[static_cast<std::size_t>(buffer)].base;
  const PlanBuffer& root = buffers_[static_cast<std::size_t>(buffer)];
  using Place = PlanBuffer::Place;
  BufferView view{buffer, root.offset, root.bytes, root.place == Place::arena || root.place == Place::earlier,
                  "",     root.node};
  switch (root.place) {
    case Place::arena:
    case Place::earlier:
    case Place::alias: break;
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
