// A plan's passes as plain data, for pictures and profiles.

#include <algorithm>

#include "src/plan/plan.hpp"

namespace thalweg::internal {

std::vector<Plan::Group> Plan::groups() const {
  std::vector<Group> groups;
  for (const Step& step : steps_) {
    Group group;
    group.reads = reads(step);
    group.writes = writes(step);
    if (const auto* sweep = std::get_if<SweepStep>(&step)) {
      group.title = "sweep";
      group.nodes = sweep->nodes;
    } else if (const auto* matmul = std::get_if<MatmulStep>(&step)) {
      group.title = "matmul";
      group.nodes = matmul->nodes;
      if (std::find(group.nodes.begin(), group.nodes.end(), matmul->node) == group.nodes.end())
        group.nodes.insert(group.nodes.begin(), matmul->node);
    } else if (const auto* copy = std::get_if<CopyStep>(&step)) {
      group.title = "copy";
      group.nodes = {copy->node};
    } else if (const auto* opaque = std::get_if<OpaqueStep>(&step)) {
      group.title = "opaque";
      group.nodes = {opaque->node};
    } else {
      group.title = "zeros";
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
    case Place::alias:
      break;
    case Place::constant:
    case Place::registry:
      break;
    case Place::held:
      view.where = "asked for:";
      break;
    case Place::eager:
      view.where = "eager value:";
      break;
    case Place::assigned:
      view.where = "written:";
      break;
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
