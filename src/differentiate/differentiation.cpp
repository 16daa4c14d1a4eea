#include "src/differentiate/differentiation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "src/core_ops/core_ops.hpp"
#include "src/tape/mutation.hpp"

namespace thalweg::internal {

namespace {

/// Whether `from` broadcasts to `to`.
bool stretches(const Shape& from, const Shape& to) {
  const int missing = to.rank() - from.rank();
  if (missing < 0) return false;
  for (int axis = 0; axis < from.rank(); ++axis)
    if (from[axis] != 1 && from[axis] != to[axis + missing]) return false;
  return true;
}

/// Whether a backward pass fills the gradient of a parameter.
bool is_wanted(const BackwardTarget& target, const RegistryCore& registry, std::int32_t index) {
  return registry.entries[index].trainable && (target.registry == nullptr || target.registry == &registry) &&
         selects(target, index);
}

}  // namespace

Differentiation::Differentiation(Recorder& recorder, std::int32_t y, std::int32_t first) : recorder_(recorder), y_(y) {
  std::vector<std::uint8_t> is_met(static_cast<std::size_t>(y - first) + 1, 0);
  is_met.back() = 1;
  std::int32_t ahead = 1;  // number of nodes met and not yet on the path
  for (std::int32_t id = y; ahead > 0; --id) {
    if (is_met[id - first] == 0) continue;
    path_.push_back(id);
    --ahead;
    const Key& key = recorder.key(id);
    if (key.op == &parameter_op || key.op == &assigned_parameter_op) reads_.push_back(id);
    for (const std::int32_t input : recorder.inputs(key)) {
      if (input < first || is_met[input - first] != 0) continue;
      is_met[input - first] = 1;
      ++ahead;
    }
  }
  base_ = path_.back();
  nodes_.resize(static_cast<std::size_t>(y - base_) + 1);
}

WantedParameters Differentiation::want_parameters(const BackwardTarget& target) {
  WantedParameters wanted;
  for (const std::int32_t id : reads()) {
    const Key& key = recorder_.key(id);
    const bool is_assigned = key.op == &assigned_parameter_op;
    const RegistryAddress address = unpack(key.attribute);
    RegistryCore* const registry = recorder_.reads().find(address.uid);
    if (!is_wanted(target, *registry, address.index)) continue;
    recorder_.read(*registry);  // anew: a parameter may have been added since
    want(id);
    if (is_assigned) {
      wanted.assigned.push_back(id);
      continue;
    }
    const auto [at, is_first] = wanted.first_leaf.try_emplace(recorder_.parameter_of(id), id);
    if (is_first) {
      wanted.leaves.emplace_back(registry, id);
    } else {
      gather(id, at->second);
    }
  }
  return wanted;
}

void Differentiation::run(std::int32_t seed) {
  mark_paths();
  const std::int32_t gathered_at = node(y_).gathered;  // ≥ 0 if y is a repeated read of a parameter
  node(gathered_at >= 0 ? gathered_at : y_).gradient = seed;
  for (const std::int32_t id : path_)
    if (node(id).gradient >= 0 && node(id).needed) pull_back(id);
  std::sort(joined_.begin(), joined_.end(), [](const Joined& a, const Joined& b) { return a.node < b.node; });
  while (!joined_.empty()) record_joined(joined_.size() - 1);
  recorder_.deriving_ = -1;
}

/// Marks the nodes that depend differentiably on a requested one.
void Differentiation::mark_paths() {
  for (const std::int32_t id : path_ | std::views::reverse) {
    const Key& key = recorder_.key(id);
    if (node(id).needed || key.count == 0 || !is_differentiable(recorder_.info(id))) continue;
    const std::span<const std::int32_t> inputs = recorder_.inputs(key);
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (pullback_rule(*key.op, i) && is_needed(inputs[i])) {
        node(id).needed = true;
        break;
      }
  }
}

void Differentiation::pull_back(std::int32_t id) {
  recorder_.deriving_ = id;
  if (const std::size_t at = find_joined(id); at < joined_.size()) record_joined(at);
  const Key key = recorder_.key(id);
  if (key.count == 0) return;
  const std::span<const std::int32_t> ids = recorder_.inputs(key);
  inputs_.clear();
  for (const std::int32_t input : ids) inputs_.push_back(recorder_.var(input));
  Pullback pullback;
  pullback.gradient = recorder_.var(gradient(id));
  pullback.output = recorder_.var(id);
  pullback.inputs = inputs_;
  pullback.attribute = key.attribute;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const std::int32_t input = inputs_[i].id();
    const PullbackRule rule = pullback_rule(*key.op, i);
    if (rule == nullptr || !is_needed(input)) continue;
    const std::int32_t first_new = recorder_.size();
    pullback.index = static_cast<int>(i);
    Var term = rule(pullback);
    if (mutation != nullptr && !term.empty()) [[unlikely]]
      term = mutation->pulled_back(*key.op, pullback, term);
    if (term.empty()) continue;
    check_fits(term, input, pullback.index);
    accumulate(input, term, first_new);
  }
}

/// Checks that the result of a gradient rule fits its input: rules may come from users.
void Differentiation::check_fits(const Var& term, std::int32_t input, int index) const {
  const Info& given = recorder_.info(term.id());
  const Info& wanted = recorder_.info(input);
  const bool fits = given.shape == wanted.shape || stretches(*wanted.shape, *given.shape);
  if (fits && (given.dtype == wanted.dtype || wanted.weak)) return;
  const std::int32_t node = recorder_.deriving_;
  const char* const op = recorder_.key(node).op->name;
  const SourceLine line = recorder_.user_line(node);
  if (fits)
    throw DtypeError(error_text(op,
                                fmt::format("the gradient rule of input {} gives {}, the input is {}", index,
                                            name(given.dtype), name(wanted.dtype)),
                                line));
  throw ShapeError(error_text(op,
                              fmt::format("the gradient rule of input {} gives shape {}, the input has {}", index,
                                          to_string(*given.shape), to_string(*wanted.shape)),
                              line));
}

/// Adds a term to the gradient of `input`. Nodes from `first_new` on were recorded for this term.
void Differentiation::accumulate(std::int32_t input, Var term, std::int32_t first_new) {
  const Info& info = recorder_.info(input);
  if (const std::int32_t at = node(input).gathered; at >= 0) input = at;
  std::int32_t& sum = node(input).gradient;
  const bool stretched = recorder_.info(term.id()).shape != info.shape;
  if (stretched) term = sum_to(term, *info.shape);
  if (sum < 0) {
    sum = term.id();
    return;
  }
  const Key key = recorder_.key(term.id());
  const bool is_own = term.id() >= first_new;  // recorded for this sum alone
  if (key.op->sums_by_joining && is_own && join(input, key)) return recorder_.drop_if_last(term.id());
  if (const std::size_t at = find_joined(input); at < joined_.size()) record_joined(at);
  if (key.op->kind == Kind::contraction && key.count == 2 && is_own) return add_product(sum, term);
  sum = add(recorder_.var(sum), term).id();
}

/// Fuses C + A·B into one node: A·B, just recorded, gets C as a third input.
void Differentiation::add_product(std::int32_t& sum, const Var& product) {
  const Key key = recorder_.key(product.id());
  if (recorder_.extend_last(product.id(), sum)) {
    sum = product.id();
    return;
  }
  recorder_.drop_if_last(product.id());
  const Var a = recorder_.var(key.inputs[0]), b = recorder_.var(key.inputs[1]);
  sum = record(*key.op, a, b, recorder_.var(sum), key.attribute).id();
}

/// Joins a term with the earlier ones that match, beside those that do not; false if others are joined already.
bool Differentiation::join(std::int32_t input, const Key& term) {
  constexpr std::size_t most_inputs = 254;
  const std::span<const std::int32_t> inputs = recorder_.inputs(term);
  std::size_t at = find_joined(input);
  if (at == joined_.size()) {
    const std::int32_t earlier = gradient(input);
    const Key sum = recorder_.key(earlier);
    const bool joins = sum.op == term.op && sum.attribute == term.attribute;
    joined_.push_back({input, term.op, term.attribute, joins ? -1 : earlier, {}});
    joined_.back().inputs.reserve(most_inputs);
    if (joins) {
      const std::span<const std::int32_t> first = recorder_.inputs(sum);
      joined_.back().inputs.assign(first.begin(), first.end());
    }
  }
  Joined& joined = joined_[at];
  if (joined.op != term.op || joined.attribute != term.attribute || joined.inputs.size() + inputs.size() > most_inputs)
    return false;
  joined.inputs.insert(joined.inputs.end(), inputs.begin(), inputs.end());
  return true;
}

std::size_t Differentiation::find_joined(std::int32_t id) const {
  const auto at = std::find_if(joined_.begin(), joined_.end(), [&](const Joined& joined) { return joined.node == id; });
  return static_cast<std::size_t>(at - joined_.begin());
}

void Differentiation::record_joined(std::size_t at) {
  const Joined joined = std::move(joined_[at]);
  joined_.erase(joined_.begin() + static_cast<std::ptrdiff_t>(at));
  inputs_.clear();
  for (const std::int32_t id : joined.inputs) inputs_.push_back(recorder_.var(id));
  const Var sum = record(*joined.op, inputs_, joined.attribute, {});
  node(joined.node).gradient = joined.beside < 0 ? sum.id() : add(recorder_.var(joined.beside), sum).id();
}

}  // namespace thalweg::internal
