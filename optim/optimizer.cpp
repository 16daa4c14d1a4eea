#include <thalweg/optim/optimizer.hpp>

#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "src/evaluate/flat.hpp"
#include "src/registry/core.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

using internal::RegistryCore;
using internal::RegistrySpace;

void check_option(const char* optimizer, const char* option, double value, bool holds, const char* wanted,
                  SourceLine line) {
  if (!holds) throw ValueError(error_text(optimizer, fmt::format("{} = {}: {}", option, value, wanted), line));
}

Var Update::value() const { return internal::flat_buffer(*optimizer_.core_, RegistrySpace::values, 0, line_); }
Var Update::gradient() const { return internal::flat_buffer(*optimizer_.core_, RegistrySpace::gradients, 0, line_); }
Var Update::state(const char* name) const {
  return internal::flat_buffer(*optimizer_.core_, RegistrySpace::state, optimizer_.state_index(name), line_);
}

// Recorded when the formula is complete, so that whatever it reads is from before the step.
void Update::set_value(const Var& value) { optimizer_.assignments_.push_back({-1, value}); }
void Update::set_state(const char* name, const Var& value) {
  optimizer_.assignments_.push_back({optimizer_.state_index(name), value});
}
std::int64_t Update::step_number() const { return optimizer_.step_count_ + 1; }

Optimizer::Optimizer(ParameterRegistry& registry, const char* name, double learning_rate, SourceLine line)
    : core_(registry.core()), name_(name), learning_rate_(0) {
  set_learning_rate(learning_rate, line);
  for (const std::string& other : core_->optimizers)
    if (other == name_)
      throw ValueError(error_text(
          name_, "the registry has an optimizer of this name already; the two would share their state", line));
  const internal::WriteClaim claim = core_->claim_write(name_, line);
  const std::string prefix = fmt::format("{}.", name_);
  for (RegistryCore::State& state : core_->states)
    if (state.name.starts_with(prefix) && core_->trainable_bytes() > 0)
      std::memset(state.buffer.data(), 0, core_->trainable_bytes());
  core_->optimizers.push_back(name_);
}

Optimizer::~Optimizer() { std::erase(core_->optimizers, name_); }

void Optimizer::set_learning_rate(double learning_rate, SourceLine line) {
  check_option(name_, "learning_rate", learning_rate, learning_rate >= 0 && std::isfinite(learning_rate),
               "must be finite and at least 0", line);
  learning_rate_ = learning_rate;
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
  states_.push_back({name, index});
  return index;
}

void Optimizer::step(SourceLine line) {
  if (!core_->gradients_fresh)
    throw TapeError(error_text("step", "there are no new gradients; call backward() before each step()", line));
  if (internal::Recorder::current() != nullptr) {
    record_step(line);
  } else {
    Tape tape;
    record_step(line);
  }
  ++step_count_;
  core_->gradients_fresh = false;
}

void Optimizer::record_step(SourceLine line) {
  internal::Recorder& recorder = *internal::Recorder::current();
  const std::int32_t first = recorder.size();
  try {
    const Scope scope(name_, line);
    record_update(line);
    internal::request_effects("step()", line);
  } catch (...) {
    recorder.forget(first);
    throw;
  }
}

void Optimizer::record_update(SourceLine line) {
  assignments_.clear();
  Update step(*this, line);
  update(step);
  for (const Assignment& assignment : assignments_) check_fits(assignment.value, line);
  for (const Assignment& assignment : assignments_) {
    const bool is_value = assignment.state < 0;
    internal::assign_flat(*core_, is_value ? RegistrySpace::values : RegistrySpace::state,
                          is_value ? 0 : assignment.state, assignment.value, line);
  }
}

void Optimizer::check_fits(const Var& value, SourceLine line) const {
  internal::Recorder& recorder = *internal::Recorder::current();
  const internal::Info& info = recorder.info(recorder.resolve(Operand(value, line.file, line.line), name_));
  const Shape& shape = *info.shape;
  if (shape.rank() != 1 || shape[0] != core_->trainable_elements)
    throw ShapeError(error_text(
        name_,
        fmt::format("the update of a buffer of {} elements has shape {}", core_->trainable_elements, to_string(shape)),
        line));
  if (info.dtype != core_->dtype)
    throw DtypeError(error_text(
        name_,
        fmt::format("the update of parameters in {} is {}", thalweg::name(core_->dtype), thalweg::name(info.dtype)),
        line));
}

}  // namespace thalweg
