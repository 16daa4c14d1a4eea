// Requests for gradients: `backward`, `gradients`, and the checks of what they may differentiate by.

#include <thalweg/differentiate.hpp>

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "src/core_ops/core_ops.hpp"
#include "src/differentiate/differentiation.hpp"
#include "src/tensor/place_text.hpp"

namespace thalweg::internal {

namespace {

/// The gradient of y itself: the given seed, or 1.
std::int32_t seed_of(Recorder& recorder, std::int32_t y, std::int32_t seed, const char* op, SourceLine line) {
  const Info info = recorder.info(y);
  if (!is_differentiable(info))
    throw DtypeError(error_text(op, fmt::format("a value of dtype {} has no gradient", name(info.dtype)), line));
  if (seed >= 0) {
    const Info given = recorder.info(seed);
    if (!(*given.shape == *info.shape))
      throw ShapeError(error_text(
          op, fmt::format("the seed has shape {}, what it seeds {}", to_string(*given.shape), to_string(*info.shape)),
          line));
    if (given.dtype != info.dtype && !given.weak && !info.weak)
      throw DtypeError(
          error_text(op, fmt::format("the seed is {}, what it seeds {}", name(given.dtype), name(info.dtype)), line));
    return seed;
  }
  if (info.shape->size() != 1)
    throw ShapeError(error_text(
        op,
        fmt::format("shape {} is not a scalar; give a seed of that shape, or reduce it first", to_string(*info.shape)),
        line));
  const std::int32_t one = recorder.literal(1, info.dtype);
  return info.shape->rank() == 0 ? one : broadcast_to(recorder.var(one), *info.shape).id();
}

}  // namespace

/// The present address of the parameter that a leaf reads. The registry's uid changes when a parameter is added.
std::uint64_t Recorder::parameter_of(std::int32_t leaf) const {
  const RegistryAddress address = unpack(key(leaf).attribute);
  return pack({reads_.find(address.uid)->uid, RegistrySpace::parameter, address.index});
}

/// Requests the gradients of the nodes `wanted`, and returns the node at which each is summed; −1 for a node after y. A
/// parameter's leaf stands for all reads of the parameter: their gradients are summed at the last of them.
std::vector<std::int32_t> Recorder::want_inputs(Differentiation& differentiation, std::int32_t y,
                                                std::span<const std::int32_t> wanted, SourceLine line) const {
  std::unordered_map<std::uint64_t, std::vector<std::int32_t>> leaves;  // by parameter
  for (const std::int32_t id : wanted)
    if (key(id).op == &parameter_op) leaves.try_emplace(parameter_of(id));
  if (!leaves.empty())
    for (const std::int32_t id : differentiation.reads()) {
      if (key(id).op != &parameter_op) continue;
      if (const auto at = leaves.find(parameter_of(id)); at != leaves.end()) at->second.push_back(id);
    }
  std::vector<std::int32_t> places;
  for (const std::int32_t id : wanted) {
    const bool is_parameter = key(id).op == &parameter_op;
    if (key(id).op == &assigned_parameter_op) {
      const RegistryAddress address = unpack(key(id).attribute);
      check_not_assigned(*reads_.find(address.uid), address.index, "gradients", line);
    }
    const std::span<const std::int32_t> uses =
        is_parameter ? leaves[parameter_of(id)] : std::span(&id, id <= y ? 1 : 0);
    if (is_parameter)
      check_not_assigned(*slot(id).registry, static_cast<std::int32_t>(slot(id).index), "gradients", line);
    for (const std::int32_t use : uses) {
      differentiation.want(use);
      if (use != uses.back()) differentiation.gather(use, uses.back());
    }
    places.push_back(uses.empty() ? -1 : uses.back());
  }
  return places;
}

/// The node from which on to differentiate y by `wanted`: a parameter may have been read before the leaf that stands for it.
std::int32_t Recorder::first_of(std::span<const std::int32_t> wanted, std::int32_t y) const {
  std::int32_t first = y;
  for (const std::int32_t id : wanted) first = key(id).op == &parameter_op ? 0 : std::min(first, id);
  return first;
}

/// Of the expansion's unread constants, keeps those that no node up to y reads, and collects the constants that y
/// depends on.
void Recorder::note_unread(std::int32_t y, Expansion& expansion) const {
  if (expansion.unread.empty()) return;
  std::vector<std::uint8_t> is_read(static_cast<std::size_t>(next_)), makes_y = is_read;
  makes_y[static_cast<std::size_t>(y)] = 1;
  for (std::int32_t id = y; id >= 0; --id) {
    const bool is_wanted = makes_y[static_cast<std::size_t>(id)] != 0;
    if (is_wanted && key(id).op == &constant_op) expansion.constants.push_back(id);
    for (const std::int32_t input : this->inputs(id)) {
      is_read[static_cast<std::size_t>(input)] = 1;
      if (is_wanted) makes_y[static_cast<std::size_t>(input)] = 1;
    }
  }
  std::erase_if(expansion.unread, [&](std::int32_t id) { return is_read[static_cast<std::size_t>(id)] != 0; });
}

/// TapeError if y depends on another constant with the tensor of an unread input: a gradient of 0 would be misleading.
/// Checked at each recording, since the tensors may differ between recordings of the same structure.
void Recorder::check_unread(const Expansion& expansion, std::span<const std::int32_t> wanted, SourceLine line) const {
  for (const std::int32_t unread : expansion.unread)
    for (const std::int32_t constant : expansion.constants) {
      const bool is_same = slot(constant).storage == slot(unread).storage && slot(unread).storage != nullptr &&
                           info(constant).shape == info(unread).shape;
      if (!is_same || constant == unread) continue;
      const auto place = std::find(wanted.begin(), wanted.end(), unread) - wanted.begin();
      throw TapeError(error_text(
          "gradients",
          fmt::format("y was not made from input {}, a Var of a tensor that an op has read itself ({}); compute with "
                      "the Var instead: Var x = tensor; gradients(f(x), x)",
                      place, place_text(user_line(constant))),
          line));
    }
}

std::vector<std::int32_t> Recorder::gradients(std::int32_t y, std::span<const std::int32_t> inputs, std::int32_t seed,
                                              SourceLine line) {
  std::vector<std::int32_t> ids(inputs.begin(), inputs.end());
  ids.push_back(y);
  ids.push_back(seed);
  Key key;
  key.op = &gradients_op;
  key.attribute = static_cast<std::uint64_t>(workspace_.pool.list(ids));
  if (*cursor_.key() == key || (is_predicted() && turn(key))) {
    const std::vector<Expansion>& known = cursor_.segment()->expansions;  // in order
    const auto expansion = std::ranges::lower_bound(known, next_, {}, &Expansion::begin);
    if (expansion != known.end() && expansion->begin == next_) {
      check_unread(*expansion, inputs, line);
      append(key, line);
      next_ += expansion->count;
      cursor_.advance(expansion->count);
      return expansion->results;
    }
  }
  const std::int32_t begin = append(key, line);
  try {
    deriving_ = begin;
    Differentiation differentiation(*this, y, first_of(inputs, y));
    const std::vector<std::int32_t> places = want_inputs(differentiation, y, inputs, line);
    differentiation.run(seed_of(*this, y, seed, "gradients", line));
    deriving_ = begin;
    Expansion expansion{begin, 0, {}};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      std::int32_t gradient = places[i] >= 0 ? differentiation.gradient(places[i]) : -1;
      if (gradient < 0 && this->key(inputs[i]).op == &constant_op) expansion.unread.push_back(inputs[i]);
      if (gradient < 0) gradient = broadcast_to(var(literal(0, info(inputs[i]).dtype)), *info(inputs[i]).shape).id();
      expansion.results.push_back(gradient);
    }
    note_unread(y, expansion);
    check_unread(expansion, inputs, line);
    deriving_ = -1;
    expansion.count = next_ - begin - 1;
    open_.expansions.push_back(expansion);
    return expansion.results;
  } catch (...) {
    rewind(begin);
    throw;
  }
}

inline bool Recorder::stands_before_backward(const Var& loss) const {
  return loss.serial() == serial_ && stands_before({&backward_request_op, loss.id()});
}

void Recorder::check_not_assigned(const RegistryCore& registry, std::int32_t index, const char* op,
                                  SourceLine line) const {
  if (!was_assigned(registry, index)) return;
  throw TapeError(error_text(
      op,
      fmt::format("parameter '{}' was assigned on this tape; differentiate before assigning, or on a new tape",
                  registry.entries[static_cast<std::size_t>(index)].name),
      line));
}

namespace {

/// Adds a registry to the outputs of a backward segment: every trainable parameter that the target selects.
void add_gradient_outputs(Segment& segment, const RegistryCore& registry, const BackwardTarget& target,
                          const WantedParameters& wanted, const Differentiation& differentiation) {
  const auto place = static_cast<std::int32_t>(segment.registries.size());
  segment.registries.push_back(registry.uid);
  segment.gradient_outputs.reserve(segment.gradient_outputs.size() + registry.entries.size());
  for (std::int32_t index = 0; index < static_cast<std::int32_t>(registry.entries.size()); ++index) {
    if (!registry.entries[index].trainable || !selects(target, index)) continue;
    const auto leaf = wanted.first_leaf.find(pack({registry.uid, RegistrySpace::parameter, index}));
    const bool is_read = leaf != wanted.first_leaf.end();
    segment.gradient_outputs.push_back({place, index, is_read ? differentiation.gradient(leaf->second) : -1});
  }
}

}  // namespace

/// What to add to the error of a loss that reaches no trainable parameter: the others that it reads.
std::string Recorder::frozen_parameters(std::int32_t loss, const BackwardTarget& target) const {
  std::vector<std::uint8_t> is_read(static_cast<std::size_t>(loss) + 1);
  std::vector<std::uint64_t> found;
  std::string first;
  is_read[static_cast<std::size_t>(loss)] = 1;
  for (std::int32_t id = loss; id >= 0; --id) {
    if (is_read[static_cast<std::size_t>(id)] == 0) continue;
    for (const std::int32_t input : inputs(id)) is_read[static_cast<std::size_t>(input)] = 1;
    if (key(id).op != &parameter_op) continue;
    const auto index = static_cast<std::int32_t>(slot(id).index);
    const RegistryCore& registry = *slot(id).registry;
    const RegistryCore::Entry& entry = registry.entries[static_cast<std::size_t>(index)];
    const bool is_asked_for = target.registry == nullptr || (target.registry == &registry && selects(target, index));
    if (entry.trainable || !is_asked_for) continue;
    if (std::find(found.begin(), found.end(), parameter_of(id)) != found.end()) continue;
    found.push_back(parameter_of(id));
    first = entry.name;
  }
  if (found.empty()) return {};
  const std::string more = found.size() == 1 ? "" : fmt::format(" and {} more", found.size() - 1);
  return fmt::format("; '{}'{} that it reads {} not trainable (see set_trainable)", first, more,
                     found.size() == 1 ? "is" : "are");
}

void Recorder::derive_backward(std::int32_t loss, std::int32_t seed, const BackwardTarget& target, SourceLine line,
                               Segment& segment) {
  deriving_ = next_ - 1;
  Differentiation differentiation(*this, loss);
  WantedParameters wanted = differentiation.want_parameters(target);
  differentiation.run(seed_of(*this, loss, seed, "backward", line));

  const auto is_reached = [&](std::int32_t id) { return differentiation.gradient(id) >= 0; };
  for (const std::int32_t id : wanted.assigned) {
    if (!is_reached(id)) continue;
    const RegistryAddress address = unpack(key(id).attribute);
    check_not_assigned(*reads_.find(address.uid), address.index, "backward", line);
  }
  std::erase_if(wanted.leaves, [&](const auto& leaf) { return !is_reached(leaf.second); });
  for (const auto& [registry, leaf] : wanted.leaves)
    check_not_assigned(*registry, static_cast<std::int32_t>(slot(leaf).index), "backward", line);
  if (wanted.leaves.empty())
    throw TapeError(error_text(
        "backward",
        (target.registry == nullptr ? "the loss reaches no trainable parameter"
                                    : "the loss reaches no trainable parameter of the registry or selection given") +
            frozen_parameters(loss, target),
        line));

  for (const auto& [registry, leaf] : wanted.leaves) {
    const bool is_known =
        std::find(segment.registries.begin(), segment.registries.end(), registry->uid) != segment.registries.end();
    if (!is_known) add_gradient_outputs(segment, *registry, target, wanted, differentiation);
  }
}

}  // namespace thalweg::internal

namespace thalweg {

using internal::BackwardTarget;
using internal::Recorder;

namespace {

/// Out of line, so that a matched `backward` needs no stack frame.
[[gnu::noinline]] void request_backward(const Var& loss, const Tensor* seed, const BackwardTarget& target,
                                        SourceLine line) {
  Recorder& recorder = Recorder::require("backward", line, loss.serial());
  const std::int32_t id = recorder.resolve(loss, "backward", line);
  recorder.backward(id, seed ? recorder.constant(*seed, line) : -1, target, line);
}

}  // namespace

void backward(const Var& loss, const char* file, unsigned line) {
  Recorder* const recorder = Recorder::current();
  if (recorder != nullptr && recorder->stands_before_backward(loss)) [[likely]]
    return recorder->repeat_backward({file, line});
  request_backward(loss, nullptr, internal::all_registries, {file, line});
}

void backward(const Var& loss, const Tensor& seed, const char* file, unsigned line) {
  request_backward(loss, &seed, internal::all_registries, {file, line});
}

void backward(const Var& loss, const ParameterRegistry& target, const char* file, unsigned line) {
  request_backward(loss, nullptr, {target.core().get(), nullptr, nullptr}, {file, line});
}

void backward(const Var& loss, const Selection& target, const char* file, unsigned line) {
  request_backward(loss, nullptr, {target.core().get(), &target.indices(), nullptr}, {file, line});
}

void backward(const Var& loss, Gradients& target, const char* file, unsigned line) {
  request_backward(loss, nullptr, {target.core().get(), nullptr, target.data()}, {file, line});
}

std::vector<Var> gradients(const Var& y, std::span<const Var> inputs, const Var& seed, const char* file,
                           unsigned line) {
  const SourceLine place{file, line};
  Recorder& recorder = Recorder::require("gradients", place, y.serial());
  const auto id = [&](const Var& var) { return recorder.resolve(Operand(var, file, line), "gradients"); };
  std::vector<std::int32_t> ids;
  for (const Var& input : inputs) ids.push_back(id(input));
  std::vector<Var> results;
  for (const std::int32_t result : recorder.gradients(id(y), ids, seed.empty() ? -1 : id(seed), place))
    results.push_back(recorder.var(result));
  return results;
}

std::vector<Var> gradients(const Var& y, std::span<const Parameter> inputs, const Var& seed, const char* file,
                           unsigned line) {
  std::vector<Var> vars;
  for (const Parameter& input : inputs) vars.emplace_back(input, file, line);
  return gradients(y, std::span<const Var>(vars), seed, file, line);
}

std::vector<Var> gradients(const Var& y, std::initializer_list<DerivativeInput> inputs, const Var& seed,
                           const char* file, unsigned line) {
  std::vector<Var> vars;
  for (const DerivativeInput& input : inputs) vars.push_back(input.var());
  return gradients(y, std::span<const Var>(vars), seed, file, line);
}

Var gradients(const Var& y, const DerivativeInput& input, const Var& seed, const char* file, unsigned line) {
  return gradients(y, std::span(&input.var(), 1), seed, file, line).front();
}

}  // namespace thalweg
