#include <thalweg/optim/optimizer.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/reduction.hpp>

#include "src/evaluate/flat.hpp"
#include "src/registry/core.hpp"
#include "src/registry/flat_range.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

using internal::FlatRange;
using internal::RegistryCore;
using internal::RegistrySpace;

// --- options ---

void OptionCheck::holds(const char* option, double value, bool holds, const char* wanted) const {
  if (!holds) throw ValueError(error_text(optimizer_, fmt::format("{} = {}: {}", option, value, wanted), line_));
}

void OptionCheck::fraction(const char* option, double value) const {
  holds(option, value, value >= 0 && value < 1, "must be in [0, 1)");
}

void OptionCheck::positive(const char* option, double value) const {
  holds(option, value, value > 0 && std::isfinite(value), "must be finite and above 0");
  if (dtype_ == f32) holds(option, value, static_cast<float>(value) > 0, "is 0 in f32, the parameters' dtype");
}

void OptionCheck::not_negative(const char* option, double value) const {
  holds(option, value, value >= 0 && std::isfinite(value), "must be finite and at least 0");
}

// --- Update: the interface of formulas ---

Var Update::undecayed_value() const {
  return internal::flat_buffer(recorder_, *optimizer_.core_, RegistrySpace::values, internal::flat_index(region_),
                               line_);
}

Var Update::value() {
  if (!value_.empty()) return value_;
  value_ = undecayed_value();
  if (rule_->weight_decay != 0 && rule_->weight_decay_form == WeightDecayForm::decoupled)
    value_ = (1 - learning_rate_ * rule_->weight_decay) * value_;
  return value_;
}

Var Update::gradient() {
  if (!gradient_.empty()) return gradient_;
  const GradientOptions& options = optimizer_.gradient_options_;
  Var gradient = internal::flat_buffer(recorder_, *optimizer_.core_, RegistrySpace::gradients,
                                       internal::flat_index(region_), line_);
  if (options.clip_norm) gradient = gradient * optimizer_.gradient_scale_[0] * optimizer_.gradient_scale_[1];
  if (options.clip_value) gradient = maximum(minimum(gradient, *options.clip_value), -*options.clip_value);
  if (rule_->maximize) gradient = -gradient;
  if (rule_->weight_decay != 0 && rule_->weight_decay_form == WeightDecayForm::coupled)
    gradient = gradient + rule_->weight_decay * undecayed_value();
  return gradient_ = gradient;
}

Var Update::state(const char* name) {
  return internal::flat_buffer(recorder_, *optimizer_.core_, RegistrySpace::state,
                               internal::flat_index(region_, optimizer_.state_index(name)), line_);
}

void Update::set_value(const Var& value) { optimizer_.assignments_.push_back({-1, region_, value}); }
void Update::set_state(const char* name, const Var& value) {
  optimizer_.assignments_.push_back({optimizer_.state_index(name), region_, value});
}

// --- construction ---

OptionCheck Optimizer::option_check(const char* optimizer, const RegistryCore& parameters, SourceLine line) {
  return {optimizer, parameters.dtype, line};
}

namespace {

bool overlap(const RegistryCore::Owner& a, const RegistryCore::Owner& b) {
  if (a.owns_all || b.owns_all) return true;
  return std::any_of(a.indices.begin(), a.indices.end(), [&](int index) {
    return std::find(b.indices.begin(), b.indices.end(), index) != b.indices.end();
  });
}

}  // namespace

Optimizer::Optimizer(const OptimizedParameters& parameters, const char* name, Unit unit, SourceLine line)
    : core_(parameters.core()), name_(name), unit_(unit), parameters_(parameters) {
  RegistryCore::Owner owner{name, parameters.is_all(), parameters.indices()};
  for (const RegistryCore::Owner& other : core_->optimizers)
    if (other.name == name_ && overlap(other, owner))
      throw ValueError(error_text(
          name_, "the registry has an optimizer of this name already; the two would share their state", line));
  core_->optimizers.push_back(std::move(owner));
}

Optimizer::~Optimizer() {
  const auto own = std::find_if(core_->optimizers.begin(), core_->optimizers.end(), [&](const auto& owner) {
    return owner.name == name_ && owner.owns_all == parameters_.is_all() && owner.indices == parameters_.indices();
  });
  if (own != core_->optimizers.end()) core_->optimizers.erase(own);
}

void Optimizer::start(const Schedule& learning_rate, const GradientOptions& gradient, SourceLine line) {
  learning_rate_ = given_rate_ = learning_rate;
  gradient_options_ = gradient;
  find_parts();
  const internal::WriteClaim claim = core_->claim_write(name_, line);
  const std::string prefix = fmt::format("{}.", name_);
  for (RegistryCore::State& state : core_->states)
    if (state.name.starts_with(prefix))
      for (const FlatRange& range : ranges())
        std::memset(static_cast<char*>(state.buffer.data()) + range.offset * static_cast<int>(size_of(core_->dtype)), 0,
                    static_cast<std::size_t>(range.elements) * size_of(core_->dtype));
}

void Optimizer::check_patterns(const char* optimizer, const OptimizedParameters& parameters,
                               const std::vector<std::string>& patterns, SourceLine line) {
  std::vector<std::string_view> names;
  const auto& entries = parameters.core()->entries;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (parameters.contains(static_cast<int>(i))) names.push_back(entries[i].name);
  for (const std::string& pattern : patterns)
    if (std::none_of(names.begin(), names.end(),
                     [&](std::string_view name) { return internal::matches(pattern, name); }))
      throw ValueError(error_text(
          optimizer,
          fmt::format("groups: no parameter's name matches \"{}\"{}", pattern, internal::closest_names(pattern, names)),
          line));
}

std::uint64_t Optimizer::groups_of(const std::string& name, const std::vector<std::string>& patterns) {
  std::uint64_t groups = 0;
  for (std::size_t i = 0; i < patterns.size(); ++i)
    if (internal::matches(patterns[i], name)) groups |= std::uint64_t{1} << i;
  return groups;
}

// --- settings ---

inline double Optimizer::rate_of(const Schedule& schedule, SourceLine line) const {
  const double rate = schedule(step_count_);
  if (!(rate >= 0) || !std::isfinite(rate)) throw_bad_rate(rate, line);
  return rate;
}

void Optimizer::throw_bad_rate(double rate, SourceLine line) const {
  throw ValueError(error_text(
      name_, fmt::format("learning_rate = {} at step {}: must be finite and at least 0", rate, step_count_), line));
}

double Optimizer::learning_rate() const { return learning_rate_(step_count_); }

void Optimizer::set_learning_rate(const Schedule& learning_rate, SourceLine line) {
  option_check(name_, *core_, line).not_negative("learning_rate", learning_rate(step_count_));
  is_rate_set_ = learning_rate.number().has_value();
  if (!is_rate_set_) given_rate_ = learning_rate;
  use_learning_rate(learning_rate);
}

void Optimizer::use_learning_rate(const Schedule& learning_rate) {
  learning_rate_ = learning_rate;
  replace_learning_rate(learning_rate);
}

void Optimizer::set_step_count(std::int64_t step_count, SourceLine line) {
  if (step_count < 0)
    throw ValueError(error_text(name_, fmt::format("step_count = {}: must be at least 0", step_count), line));
  step_count_ = step_count;
}

int Optimizer::state_index(const char* name) {
  for (const KnownState& known : states_)
    if (known.name == name) return known.index;
  const int index = core_->state_index(fmt::format("{}.{}", name_, name));
  if (index >= internal::max_states) throw ValueError(error_text(name_, "the registry has too many states"));
  states_.push_back({name, index});
  return index;
}

double& Optimizer::number(const char* name) {
  for (auto& [known, value] : numbers_)
    if (known == name) return value;
  numbers_.emplace_back(name, 0);
  return numbers_.back().second;
}

// --- dividing parameters into parts ---

std::vector<int> Optimizer::parameter_indices() const {
  std::vector<int> owned;
  for (int i = 0; i < static_cast<int>(core_->entries.size()); ++i)
    if (parameters_.contains(i)) owned.push_back(i);
  return owned;
}

std::vector<FlatRange> Optimizer::ranges() const {
  std::vector<FlatRange> ranges;
  ranges.reserve(parts_.size());
  for (const Part& part : parts_) ranges.push_back({part.offset, part.elements});
  return ranges;
}

void Optimizer::find_parts() {
  if (layout_ != core_->uid) divide_into_parts();
}

void Optimizer::divide_into_parts() {
  const auto& entries = core_->entries;
  begins_.resize(entries.size());
  // The end of a trainable parameter in the flat buffers, including padding: the next one, or the end of the buffer.
  const auto end_of = [&](std::size_t i) {
    for (std::size_t next = i + 1; next < entries.size(); ++next)
      if (entries[next].trainable) return entries[next].offset;
    return core_->trainable_elements;
  };
  std::vector<Part> parts;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const RegistryCore::Entry& entry = entries[i];
    if (!entry.trainable || !parameters_.contains(static_cast<int>(i))) continue;
    if (begins_[i].trainable_since != entry.trainable_since) begins_[i] = {entry.trainable_since, step_count_};
    const Part part{.options = options_of(entry.name),
                    .begins = begins_[i].step,
                    .offset = entry.offset,
                    .elements = end_of(i) - entry.offset,
                    .parameter = static_cast<int>(i),
                    .region = -1};
    const bool continues = unit_ == Unit::stretch && !parts.empty() && parts.back().options == part.options &&
                           parts.back().begins == part.begins &&
                           parts.back().offset + parts.back().elements == part.offset;
    if (continues)
      parts.back().elements += part.elements;
    else
      parts.push_back(part);
  }
  std::erase_if(parts, [](const Part& part) { return part.elements == 0; });
  for (Part& part : parts) {
    const Shape shape = unit_ == Unit::stretch ? Shape{part.elements} : entries[part.parameter].shape;
    part.region = core_->region_index(part.offset, shape);
  }
  parts_ = std::move(parts);
  layout_ = core_->uid;
}

Optimizer::Progress Optimizer::progress() {
  find_parts();
  Progress progress{step_count_, skipped_count_, {}, numbers_, {}};
  if (is_rate_set_) progress.learning_rate = learning_rate_.number();
  for (std::size_t i = 0; i < begins_.size(); ++i)
    if (begins_[i].step != 0) progress.begins.emplace_back(core_->entries[i].name, begins_[i].step);
  return progress;
}

void Optimizer::set_progress(const Progress& progress) {
  find_parts();
  step_count_ = progress.step_count;
  skipped_count_ = progress.skipped_count;
  numbers_ = progress.numbers;
  for (Begin& begin : begins_) begin.step = 0;
  for (const auto& [name, step] : progress.begins)
    if (const int index = core_->find(name); index >= 0) begins_[index].step = step;
  layout_ = 0;
  is_rate_set_ = progress.learning_rate.has_value();
  use_learning_rate(is_rate_set_ ? Schedule(*progress.learning_rate) : given_rate_);
}

// --- a step ---

void Optimizer::step(SourceLine line) {
  if (core_->trainable_elements == 0)
    throw TapeError(error_text("step", "the registry has no trainable parameter", line));
  const bool takes_gradients = needs_gradients();
  const bool all_are_new = core_->gradients_filled && core_->all_gradients_count > used_gradients_;
  if (!all_are_new && takes_gradients) check_gradients(line);
  ++(carry_out(takes_gradients, line) ? step_count_ : skipped_count_);
  used_gradients_ = core_->gradient_count;
}

void Optimizer::check_gradients(SourceLine line) const {
  const std::string* old = nullptr;
  bool some_are_new = core_->gradients_filled && core_->gradient_count > used_gradients_;
  if (some_are_new) {  // after a backward for a selection
    some_are_new = false;
    for (int index = 0; index < static_cast<int>(core_->entries.size()); ++index) {
      const internal::RegistryCore::Entry& entry = core_->entries[index];
      if (!entry.trainable || !parameters_.contains(index)) continue;
      const bool is_new = entry.gradient_count > used_gradients_;
      some_are_new = some_are_new || is_new;
      if (!is_new && old == nullptr) old = &entry.name;
    }
  }
  if (!some_are_new)
    throw TapeError(error_text("step", "there are no new gradients; call backward() before each step()", line));
  if (old != nullptr)
    throw TapeError(error_text(
        "step",
        fmt::format("parameter '{}' has no new gradient: backward() was asked for those of others; give the optimizer "
                    "the same selection, or freeze the rest by set_trainable()",
                    *old),
        line));
}

void Optimizer::apply(SourceLine line) { carry_out(false, line); }

bool Optimizer::carry_out(bool prepares, SourceLine line) {
  find_parts();
  std::optional<Tape> own_tape;
  if (internal::Recorder::current() == nullptr) own_tape.emplace();
  internal::Recorder& recorder = *internal::Recorder::current();
  const std::int32_t first = recorder.size();
  try {
    const Scope scope(name_, line);
    if (prepares && looks_at_gradients() && !prepare_gradients(recorder, line)) return false;
    record_update(recorder, line);
    recorder.run_effects("step", line);
  } catch (...) {
    recorder.forget(first);
    throw;
  }
  return true;
}

bool Optimizer::looks_at_gradients() const {
  return gradient_options_.clip_norm || gradient_options_.non_finite != NonFinite::pass_on;
}

/// Clips by norm and checks for gradients that are not finite, as the options require. Returns false to skip the step.
bool Optimizer::prepare_gradients(internal::Recorder& recorder, SourceLine line) {
  if (parts_.empty()) return true;
  Var sum_of_squares;
  for (const Part& part : parts_) {
    const Var squares = sum(square(
        internal::flat_buffer(recorder, *core_, RegistrySpace::gradients, internal::flat_index(part.region), line)));
    sum_of_squares = sum_of_squares.empty() ? squares : sum_of_squares + squares;
  }
  const double squares = sum_of_squares.item(line.file, line.line);
  // The sum of squares may overflow or underflow even if the norm does not. In that rare case the norm is recomputed
  // without the tape, in f64.
  constexpr double least = 1e-30, most = 1e30;
  double norm = std::sqrt(squares);
  const bool is_accurate = squares > least && squares < most;
  if (!is_accurate) {
    if (!std::isfinite(squares))
      if (const auto found = internal::find_non_finite_gradient(*core_, ranges())) {
        if (gradient_options_.non_finite == NonFinite::skip_step) return false;
        throw ValueError(error_text(name_, *found, line));
      }
    norm = internal::gradient_norm(*core_, ranges());
  }
  if (!gradient_options_.clip_norm) return true;
  const double scale = norm > *gradient_options_.clip_norm ? *gradient_options_.clip_norm / norm : 1;
  // A scale that would underflow is applied as two factors.
  const double tiny = core_->dtype == f32 ? 0x1p-60 : 0x1p-500;
  gradient_scale_[0] = scale < tiny ? scale / tiny : scale;
  gradient_scale_[1] = scale < tiny ? tiny : 1;
  return true;
}

inline void Optimizer::record_assignment(internal::Recorder& recorder, const Assignment& assignment, SourceLine line) {
  const std::int32_t id = recorder.resolve(assignment.value, name_, line);
  const internal::Info& info = recorder.info(id);
  const Shape& wanted = *core_->regions[assignment.region].shape;
  // Shapes are interned, so addresses suffice.
  if (info.shape != &wanted || info.dtype != core_->dtype) throw_unfit(*info.shape, info.dtype, wanted, line);
  const bool is_value = assignment.state < 0;
  internal::record_assign(recorder, *core_,
                          {core_->uid, is_value ? RegistrySpace::values : RegistrySpace::state,
                           internal::flat_index(assignment.region, is_value ? 0 : assignment.state)},
                          id, line);
}

void Optimizer::record_update(internal::Recorder& recorder, SourceLine line) {
  assignments_.clear();
  for (const Part& part : parts_) {
    Update update(*this, recorder, line);
    update.rule_ = &rule(part.options);
    update.region_ = part.region;
    update.step_number_ = step_count_ - part.begins + 1;
    update.learning_rate_ = rate_of(update.rule_->learning_rate, line);
    update_part(update, part.options);
  }
  for (const Assignment& assignment : assignments_) record_assignment(recorder, assignment, line);
}

void Optimizer::throw_unfit(const Shape& shape, DType dtype, const Shape& wanted, SourceLine line) const {
  if (!(shape == wanted))
    throw ShapeError(error_text(
        name_, fmt::format("the update of a buffer of {} elements has shape {}", wanted.size(), to_string(shape)),
        line));
  throw DtypeError(error_text(
      name_, fmt::format("the update of parameters in {} is {}", thalweg::name(core_->dtype), thalweg::name(dtype)),
      line));
}

double gradient_norm(const ParameterRegistry& registry) {
  const RegistryCore& core = *registry.core();
  const FlatRange all{0, core.trainable_elements};
  return internal::gradient_norm(core, {&all, 1});
}

}  // namespace thalweg
