#include "src/evaluate/anomaly.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/core_ops/core_ops.hpp"
#include "src/evaluate/replay.hpp"
#include "src/evaluate/source_text.hpp"
#include "src/plan/plan.hpp"
#include "src/run/finite.hpp"
#include "src/tensor/place_text.hpp"

namespace thalweg::internal {

namespace {

double element_of(const void* data, std::int64_t place, DType dtype) {
  return dtype == DType::f32 ? static_cast<double>(static_cast<const float*>(data)[place])
                             : static_cast<const double*>(data)[place];
}

std::optional<BadNumber> look_at(const void* data, std::int64_t count, DType dtype, std::int32_t node) {
  const std::int64_t place = data == nullptr ? -1 : run::first_not_finite(data, count, dtype);
  if (place < 0) return std::nullopt;
  return BadNumber{node, place, element_of(data, place, dtype)};
}

/// "[3, 7] of (128, 10)"
std::string place_in(const Shape& shape, std::int64_t element) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()));
  for (std::size_t axis = index.size(); axis-- > 0; element /= shape[static_cast<int>(axis)])
    index[axis] = element % shape[static_cast<int>(axis)];
  return index.empty() ? "the only element" : fmt::format("[{}] of {}", fmt::join(index, ", "), to_string(shape));
}

std::string number_text(double value) {
  return std::isnan(value) ? "NaN" : std::isinf(value) ? (value > 0 ? "inf" : "-inf") : fmt::format("{:.6g}", value);
}

/// An element of the flat buffers as parameter and index: "'weight' at [3, 7] of (128, 10)".
std::string flat_place(const RegistryCore& core, std::int64_t element) {
  for (const RegistryCore::Entry& entry : core.entries)
    if (entry.trainable && element >= entry.offset && element < entry.offset + entry.shape.size())
      return fmt::format("'{}' at {}", entry.name, place_in(entry.shape, element - entry.offset));
  return fmt::format("element {}", element);
}

/// Recomputes a tape to find the origin of a bad number.
class Search {
 public:
  explicit Search(const Recorder& recorder) : recorder_(recorder), replay_(recorder) {}

  /// The node that produced it from finite numbers, or the source that contained it: the earliest node on a path of bad
  /// values to `bad.node`.
  BadNumber origin(const BadNumber& bad) {
    while (replay_.advance() >= 0 && !has(bad.node)) {
    }
    std::optional<BadNumber> earliest;
    std::vector<std::int32_t> stack = {bad.node};
    std::vector<bool> seen(static_cast<std::size_t>(bad.node) + 1, false);
    while (!stack.empty()) {
      const std::int32_t id = stack.back();
      stack.pop_back();
      if (seen[id]) continue;
      seen[id] = true;
      bool is_origin = true;
      for (const std::int32_t input : recorder_.inputs(id))
        if (bad_in(input)) {
          is_origin = false;
          stack.push_back(input);
        }
      if (is_origin && (!earliest || id < earliest->node)) earliest = bad_in(id).value_or(bad);
    }
    return *earliest;
  }

  std::optional<BadNumber> bad_in(std::int32_t id) {
    const Tensor* const value = replay_.value(id);
    if (value == nullptr) {
      const Key& key = recorder_.key(id);
      if (key.op != &number_op || std::isfinite(recorder_.slot(id).number)) return std::nullopt;
      return BadNumber{id, 0, recorder_.slot(id).number};
    }
    return look_at(value->raw(), value->size(), value->dtype(), id);
  }

  /// "input 0 (128, 10): 0 there, from 0 to 0.998"
  std::string describe_input(std::int32_t id, std::int64_t element, const Shape& output) {
    const Tensor* const value = replay_.value(id);
    if (value == nullptr) {
      const Key& key = recorder_.key(id);
      if (key.op == &number_op) return number_text(recorder_.slot(id).number);
      return key.op == &literal_op ? number_text(std::bit_cast<double>(key.attribute)) : "written since";
    }
    if (value->size() == 0 || !is_floating(value->dtype())) return to_string(value->shape());
    const Tensor wide = value->to(DType::f64);
    const std::span<const double> numbers = wide.data<double>();
    const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
    const std::string there = value->shape() == output ? fmt::format("{} there, ", number_text(numbers[element])) : "";
    return fmt::format("{} {}from {} to {}", to_string(value->shape()), there, number_text(*low), number_text(*high));
  }

  /// The shortest path from a parameter to the node: "affine3.weight → matmul → add → log"; empty if there is none.
  std::string way_from_parameter(std::int32_t node) const {
    std::vector<std::int32_t> next(static_cast<std::size_t>(node) + 1, -2);
    std::deque<std::int32_t> queue = {node};
    next[node] = -1;
    while (!queue.empty()) {
      const std::int32_t id = queue.front();
      queue.pop_front();
      if (recorder_.key(id).op == &parameter_op) {
        std::string way = recorder_.slot(id).registry->entries[recorder_.slot(id).index].name;
        for (std::int32_t at = next[id]; at >= 0; at = next[at])
          way += fmt::format(" → {}", recorder_.key(at).op->name);
        return way;
      }
      for (const std::int32_t input : recorder_.inputs(id)) {
        if (next[input] != -2) continue;
        next[input] = id;
        queue.push_back(input);
      }
    }
    return "";
  }

 private:
  bool has(std::int32_t id) const { return replay_.computed() > id; }

  const Recorder& recorder_;
  Replay replay_;
};

/// Describes what produced the number, and from what.
std::string describe(const Recorder& recorder, Search& search, const BadNumber& origin) {
  const Key& key = recorder.key(origin.node);
  const Shape& shape = *recorder.info(origin.node).shape;
  const std::string number = number_text(origin.value), place = place_in(shape, origin.element);
  if (key.op == &parameter_op) {
    const Slot& slot = recorder.slot(origin.node);
    return fmt::format("parameter '{}' is {} at {}", slot.registry->entries[slot.index].name, number, place);
  }
  if (key.op->kind == Kind::source) return fmt::format("a {} is {} at {}", key.op->name, number, place);
  std::string text = fmt::format("{} of finite numbers at {}", number, place);
  const std::span<const std::int32_t> inputs = recorder.inputs(origin.node);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    text +=
        fmt::format("{}input {}: {}", i == 0 ? "; " : ", ", i, search.describe_input(inputs[i], origin.element, shape));
  const std::string way = search.way_from_parameter(origin.node);
  return way.empty() ? text : fmt::format("{}; {}", text, way);
}

}  // namespace

std::optional<BadNumber> find_bad_number(Recorder& recorder, const Segment& segment, const void* value,
                                         const BackwardTarget& target) noexcept {
  const Key& request = recorder.key(segment.request);
  if (value != nullptr) {
    const Info& info = recorder.info(request.inputs[0]);
    if (auto bad = look_at(value, info.shape->size(), info.dtype, request.inputs[0])) return bad;
  }
  for (const GradientOutput& output : segment.gradient_outputs) {
    if (output.node < 0) continue;
    const RegistryCore& core = *recorder.reads().find(segment.registries[output.registry]);
    const char* data = core.gradient_data(output.index);
    if (target.buffer != nullptr)
      data = static_cast<const char*>(target.buffer) + (data - static_cast<const char*>(core.gradients.data()));
    const std::int64_t size = core.entries[output.index].shape.size();
    if (auto bad = look_at(data, size, core.dtype, output.node)) return bad;
  }
  for (const PendingEffect& effect : recorder.effects().pending()) {
    const RegistryAddress address = unpack(effect.address);
    if (address.space != RegistrySpace::parameter && address.space != RegistrySpace::values) continue;
    // A sum is finite only if all its terms are.
    if (effect.check >= 0) {
      const void* const sum = segment.plan->kept_value(effect.check);
      if (sum != nullptr && std::isfinite(element_of(sum, 0, effect.registry->dtype))) continue;
    }
    const std::int64_t size = recorder.info(effect.node).shape->size();
    const void* const data = registry_data(*effect.registry, effect.address);
    if (auto bad = look_at(data, size, effect.registry->dtype, effect.node)) return bad;
  }
  return std::nullopt;
}

void throw_anomaly(const Recorder& recorder, const BadNumber& bad, const char* writer, SourceLine line) {
  const Key& key = recorder.key(bad.node);
  const std::string asked = place_text(line);
  if (key.op == &assign_op) {
    const RegistryCore& core = *recorder.slot(bad.node).registry;
    const RegistryAddress address = unpack(key.attribute);
    const bool is_flat = address.space != RegistrySpace::parameter;
    const std::string place =
        is_flat ? flat_place(core, core.regions[static_cast<std::size_t>(region_of(address))].offset + bad.element)
                : fmt::format("'{}' at {}", core.entries[static_cast<std::size_t>(address.index)].name,
                              place_in(*recorder.info(bad.node).shape, bad.element));
    throw AnomalyError(error_text(
        "detect_anomaly", fmt::format("{}() has made parameter {} {}", writer, place, number_text(bad.value)), line));
  }
  Search search(recorder);
  const BadNumber origin = search.origin(bad);
  const bool is_backward = recorder.info(origin.node).origin >= 0;
  const SourceLine place = recorder.user_line(origin.node);
  std::string scope = recorder.scope_name(origin.node);
  if (!scope.empty()) scope = fmt::format(" in {}", scope);
  const std::string text = SourceText().line(place);
  throw AnomalyError(fmt::format(
      "{}{}",
      error_text(recorder.key(origin.node).op->name,
                 fmt::format("{}{}{}, found by {}(){}{}", describe(recorder, search, origin), scope,
                             is_backward ? ", in the backward pass" : "", writer, asked.empty() ? "" : " at ", asked),
                 place),
      text.empty() ? "" : fmt::format("\n    {}", text)));
}

}  // namespace thalweg::internal
