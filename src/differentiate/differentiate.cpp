// Reverse-mode differentiation: one loop over the tape backward, which records the gradients' nodes at its end. Not
// recursive; linear in the size of the tape.
//
// For y with gradient ȳ: every node v gets v̄ = Σ over its uses u of (∂u/∂v)ᵀ ū, each term recorded by the pullback of u's
// op for that input. Griewank and Walther, Evaluating Derivatives, 2nd ed., section 3.2 (reverse mode).

#include <thalweg/differentiate.hpp>

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "src/core_ops/core_ops.hpp"
#include "src/evaluate/source_text.hpp"
#include "src/tape/mutation.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg::internal {

namespace {

bool is_differentiable(const Info& info) { return is_floating(info.dtype) || info.weak; }

/// Whether `from` broadcasts to `to`.
bool stretches(const Shape& from, const Shape& to) {
  const int missing = to.rank() - from.rank();
  if (missing < 0) return false;
  for (int axis = 0; axis < from.rank(); ++axis)
    if (from[axis] != 1 && from[axis] != to[axis + missing]) return false;
  return true;
}

}  // namespace

class Differentiation {
 public:
  Differentiation(Recorder& recorder, std::int32_t y)
      : recorder_(recorder), y_(y), nodes_(static_cast<std::size_t>(y) + 1) {}

  /// Requests the gradient of node `id`. The gradients of several nodes may be summed at one of them, `gather_at`.
  void want(std::int32_t id) { node(id).needed = true; }
  void gather(std::int32_t id, std::int32_t gather_at) { node(id).gathered = gather_at; }

  /// Records the backward pass from `seed`, the gradient of y.
  void run(std::int32_t seed) {
    mark_paths();
    const std::int32_t gathered_at = node(y_).gathered;  // where y is a parameter that was read before
    node(gathered_at >= 0 ? gathered_at : y_).gradient = seed;
    for (std::int32_t id = y_; id >= 0; --id)
      if (node(id).gradient >= 0 && node(id).needed) pull_back(id);
    std::sort(joined_.begin(), joined_.end(), [](const Joined& a, const Joined& b) { return a.node < b.node; });
    while (!joined_.empty()) record_joined(joined_.size() - 1);
    recorder_.deriving_ = -1;
  }

  /// The node of the gradient; −1 if y does not depend on `id`.
  std::int32_t gradient(std::int32_t id) const { return nodes_[static_cast<std::size_t>(id)].gradient; }

 private:
  /// Marks the nodes that depend differentiably on a requested one.
  void mark_paths() {
    for (std::int32_t id = 0; id <= y_; ++id) {
      const Key& key = recorder_.key(id);
      if (node(id).needed || key.count == 0 || !is_differentiable(recorder_.info(id))) continue;
      const std::span<const std::int32_t> inputs = recorder_.inputs(key);
      for (std::size_t i = 0; i < inputs.size(); ++i)
        if (pullback_rule(*key.op, i) && node(inputs[i]).needed) {
          node(id).needed = true;
          break;
        }
    }
  }

  void pull_back(std::int32_t id) {
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
      if (rule == nullptr || !node(input).needed) continue;
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
  void check_fits(const Var& term, std::int32_t input, int index) const {
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

  void accumulate(std::int32_t input, Var term, std::int32_t first_new) {
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
    if (key.op->kind == Kind::contraction && key.count == 2 && is_own) {  // fuses C + A·B into one node
      if (recorder_.extend_last(term.id(), sum)) {
        sum = term.id();
        return;
      }
      recorder_.drop_if_last(term.id());
      sum =
          record(*key.op, recorder_.var(key.inputs[0]), recorder_.var(key.inputs[1]), recorder_.var(sum), key.attribute)
              .id();
      return;
    }
    sum = add(recorder_.var(sum), term).id();
  }

  /// A pending sum of nodes that join into one (see Op::sums_by_joining); recorded when it is complete.
  struct Joined {
    std::int32_t node;  // whose gradient the sum is
    const Op* op;
    std::uint64_t attribute;
    std::vector<std::int32_t> inputs;
  };

  /// Joins a term with the earlier ones; false if they do not match.
  bool join(std::int32_t input, const Key& term) {
    constexpr std::size_t most_inputs = 254;
    const std::span<const std::int32_t> inputs = recorder_.inputs(term);
    std::size_t at = find_joined(input);
    if (at == joined_.size()) {
      const Key sum = recorder_.key(gradient(input));
      if (sum.op != term.op || sum.attribute != term.attribute) return false;
      const std::span<const std::int32_t> first = recorder_.inputs(sum);
      joined_.push_back({input, term.op, term.attribute, {}});
      joined_.back().inputs.reserve(most_inputs);
      joined_.back().inputs.assign(first.begin(), first.end());
    }
    Joined& joined = joined_[at];
    if (joined.op != term.op || joined.attribute != term.attribute ||
        joined.inputs.size() + inputs.size() > most_inputs)
      return false;
    joined.inputs.insert(joined.inputs.end(), inputs.begin(), inputs.end());
    return true;
  }

  std::size_t find_joined(std::int32_t id) const {
    const auto at =
        std::find_if(joined_.begin(), joined_.end(), [&](const Joined& joined) { return joined.node == id; });
    return static_cast<std::size_t>(at - joined_.begin());
  }

  void record_joined(std::size_t at) {
    const Joined joined = std::move(joined_[at]);
    joined_.erase(joined_.begin() + static_cast<std::ptrdiff_t>(at));
    inputs_.clear();
    for (const std::int32_t id : joined.inputs) inputs_.push_back(recorder_.var(id));
    node(joined.node).gradient = record(*joined.op, inputs_, joined.attribute, {}).id();
  }

  struct Node {
    std::int32_t gradient = -1;
    std::int32_t gathered = -1;  // where its gradient is summed; −1: at the node itself
    bool needed = false;
  };
  Node& node(std::int32_t id) { return nodes_[static_cast<std::size_t>(id)]; }

  Recorder& recorder_;
  std::int32_t y_;
  std::vector<Node> nodes_;  // up to y
  std::vector<Var> inputs_;
  std::vector<Joined> joined_;  // few, so a linear search will do
};

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
  return pack({registry_by_uid(address.uid)->uid, RegistrySpace::parameter, address.index});
}

/// Requests the gradients of the nodes `wanted`, and returns the node at which each is summed; −1 for a node after y. A
/// parameter's leaf stands for all reads of the parameter: their gradients are summed at the last of them.
std::vector<std::int32_t> Recorder::want_inputs(Differentiation& differentiation, std::int32_t y,
                                                std::span<const std::int32_t> wanted, SourceLine line) const {
  std::unordered_map<std::uint64_t, std::vector<std::int32_t>> leaves;  // by parameter
  for (const std::int32_t id : wanted)
    if (key(id).op == &parameter_op) leaves.try_emplace(parameter_of(id));
  for (std::int32_t id = 0; !leaves.empty() && id <= y; ++id) {
    if (key(id).op != &parameter_op) continue;
    if (const auto at = leaves.find(parameter_of(id)); at != leaves.end()) at->second.push_back(id);
  }
  std::vector<std::int32_t> places;
  for (const std::int32_t id : wanted) {
    const bool is_parameter = key(id).op == &parameter_op;
    if (key(id).op == &assigned_parameter_op) {
      const RegistryAddress address = unpack(key(id).attribute);
      check_not_assigned(*registry_by_uid(address.uid), address.index, "gradients", line);
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
  if (*expected_ == key || (predicted_ != nullptr && turn(key)))
    for (const Expansion& expansion : predicted_->expansions)
      if (expansion.begin == next_) {
        check_unread(expansion, inputs, line);
        append(key, line);
        next_ += expansion.count;
        expected_ += expansion.count;
        return expansion.results;
      }
  const std::int32_t begin = append(key, line);
  const Recording before{begin, keys_.size() - 1, expansions_.size()};
  try {
    deriving_ = begin;
    Differentiation differentiation(*this, y);
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
    expansions_.push_back(expansion);
    return expansion.results;
  } catch (...) {
    rewind(before);
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

void Recorder::derive_backward(std::int32_t loss, std::int32_t seed, const BackwardTarget& target, SourceLine line,
                               Segment& segment) {
  deriving_ = segment.base + static_cast<std::int32_t>(keys_.size()) - 1;
  Differentiation differentiation(*this, loss);
  // Sums the gradients of all reads of a parameter at its first leaf.
  std::unordered_map<std::uint64_t, std::int32_t> first_leaf;
  std::vector<std::pair<RegistryCore*, std::int32_t>> leaves;
  std::vector<std::int32_t> assigned;
  for (std::int32_t id = 0; id <= loss; ++id) {
    const bool is_assigned = key(id).op == &assigned_parameter_op;
    if (key(id).op != &parameter_op && !is_assigned) continue;
    const RegistryAddress address = unpack(key(id).attribute);
    RegistryCore* const registry = registry_by_uid(address.uid);
    const int index = address.index;
    const bool wanted = registry->entries[static_cast<std::size_t>(index)].trainable &&
                        (target.registry == nullptr || target.registry == registry) &&
                        (target.selection == nullptr || std::find(target.selection->begin(), target.selection->end(),
                                                                  index) != target.selection->end());
    if (!wanted) continue;
    read(*registry);  // anew: a parameter may have been added since
    differentiation.want(id);
    if (is_assigned) {
      assigned.push_back(id);
      continue;
    }
    const auto [at, is_first] = first_leaf.try_emplace(parameter_of(id), id);
    if (is_first) {
      leaves.emplace_back(registry, id);
    } else {
      differentiation.gather(id, at->second);
    }
  }
  differentiation.run(seed_of(*this, loss, seed, "backward", line));
  for (const std::int32_t id : assigned) {
    if (differentiation.gradient(id) < 0) continue;
    const RegistryAddress address = unpack(key(id).attribute);
    check_not_assigned(*registry_by_uid(address.uid), address.index, "backward", line);
  }
  bool reached = false;
  for (const auto& [registry, leaf] : leaves) {
    if (differentiation.gradient(leaf) < 0) continue;
    reached = true;
    check_not_assigned(*registry, static_cast<std::int32_t>(slot(leaf).index), "backward", line);
  }
  if (!reached) throw TapeError(error_text("backward", "the loss reaches no trainable parameter", line));
  for (const auto& [registry, leaf] : leaves) {
    if (differentiation.gradient(leaf) < 0) continue;
    if (std::find(segment.registries.begin(), segment.registries.end(), registry->uid) != segment.registries.end())
      continue;
    segment.registries.push_back(registry->uid);
    segment.gradient_outputs.reserve(segment.gradient_outputs.size() + registry->entries.size());
    const auto place = static_cast<std::int32_t>(segment.registries.size()) - 1;
    for (std::int32_t index = 0; index < static_cast<std::int32_t>(registry->entries.size()); ++index) {
      if (!registry->entries[static_cast<std::size_t>(index)].trainable) continue;
      if (target.selection != nullptr &&
          std::find(target.selection->begin(), target.selection->end(), index) == target.selection->end())
        continue;
      const auto at = first_leaf.find(pack({registry->uid, RegistrySpace::parameter, index}));
      segment.gradient_outputs.push_back(
          {place, index, at == first_leaf.end() ? -1 : differentiation.gradient(at->second)});
    }
  }
}

}  // namespace thalweg::internal

namespace thalweg {

using internal::Recorder;

namespace {

/// Out of line, so that a matched `backward` needs no stack frame.
[[gnu::noinline]] void request_backward(const Var& loss, const Tensor* seed, const Recorder::BackwardTarget& target,
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
  request_backward(loss, nullptr, Recorder::all_registries, {file, line});
}

void backward(const Var& loss, const Tensor& seed, const char* file, unsigned line) {
  request_backward(loss, &seed, Recorder::all_registries, {file, line});
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
