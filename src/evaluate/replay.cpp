#include "src/evaluate/replay.hpp"

#include <algorithm>

#include "src/core_ops/core_ops.hpp"

namespace thalweg::internal {

namespace {

bool reads_registry(const Key& key) { return key.op == &parameter_op || key.op == &registry_buffer_op; }

}  // namespace

Replay::Replay(const Recorder& original)
    : original_(original),
      copy_(tape_.recorder()),
      end_(original.size()),
      stale_(static_cast<std::size_t>(end_), false) {}

bool Replay::reads_something_stale(std::int32_t id) const {
  const Key& key = original_.key(id);
  if (reads_registry(key)) {
    const Slot& slot = original_.slot(id);
    const RegistryAddress address = unpack(key.attribute);
    if (address.space != RegistrySpace::parameter) return slot.registry->write_count != slot.version;
    return slot.registry->last_write(static_cast<int>(slot.index)).count > slot.version;
  }
  const std::span<const std::int32_t> inputs = original_.inputs(id);
  return std::any_of(inputs.begin(), inputs.end(), [&](std::int32_t input) { return is_stale(input); });
}

std::int32_t Replay::advance() {
  const std::int32_t id = copy_.size();
  if (id >= end_) return -1;
  const Key& key = original_.key(id);
  stale_[id] = reads_something_stale(id);
  if (reads_registry(key) || key.op == &assign_op) copy_.read(*original_.slot(id).registry);
  copy_.append_with_slot(key, original_.line(id), original_.slot(id));
  return id;
}

const Tensor* Replay::value(std::int32_t id) {
  const Key& key = original_.key(id);
  const bool has_none = key.op->kind == Kind::effect || original_.info(id).weak || is_stale(id);
  return has_none ? nullptr : &copy_.eager_value(id);
}

std::vector<Tensor> Replay::gradients(std::int32_t y) {
  std::vector<Tensor> result(static_cast<std::size_t>(end_));
  std::vector<bool> reached(static_cast<std::size_t>(y) + 1, false);
  reached[y] = true;
  std::vector<std::int32_t> wanted;
  for (std::int32_t id = y; id >= 0; --id) {
    if (!reached[id] || is_stale(id)) continue;
    for (const std::int32_t input : original_.inputs(id)) reached[input] = true;
    if (is_floating(original_.info(id).dtype) && !original_.info(id).weak) wanted.push_back(id);
  }
  std::int32_t seed = -1;
  const NodeType type = copy_.type(y);
  if (type.shape.size() != 1) seed = copy_.constant(Tensor::ones(type.shape).to(type.dtype), {});
  const std::vector<std::int32_t> found = copy_.gradients(y, wanted, seed, {});
  for (std::size_t i = 0; i < wanted.size(); ++i) result[wanted[i]] = copy_.eager_value(found[i]);
  return result;
}

}  // namespace thalweg::internal
