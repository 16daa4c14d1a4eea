#pragma once
// What optimizers share. One is a formula: a parameter's update on Vars, as the paper writes it.
//
//   class Momentum : public Optimizer {
//     void update(Update& u) override {
//       Var velocity = momentum_ * u.state("velocity") - learning_rate() * u.gradient();
//       u.set_state("velocity", velocity);
//       u.set_value(u.value() + velocity);
//     }
//   };
//
// The Vars are the registry's flat buffers, all trainable parameters at once, so an elementwise formula runs as one
// pass over memory. Numbers in it are data: changing a rate makes no new plan.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

class Optimizer;

/// ValueError naming optimizer, option and value unless `holds`; `wanted` says what would: "must be in [0, 1)".
void check_option(const char* optimizer, const char* option, double value, bool holds, const char* wanted,
                  SourceLine line);

/// One step as its formula sees it: vectors of all trainable elements, in the registry's dtype. What is read is from
/// before the step, whatever has been set; what is set is written together at the step's end, or not at all where it
/// throws.
class Update {
 public:
  Var value() const;
  Var gradient() const;
  /// Zero before the first step. The registry knows it as "optimizer.name".
  Var state(const char* name) const;
  /// ShapeError or DtypeError where it is not a vector like those above.
  void set_value(const Var& value);
  void set_state(const char* name, const Var& value);
  /// t: 1 for the first step.
  std::int64_t step_number() const;

  Update(const Update&) = delete;
  Update& operator=(const Update&) = delete;

 private:
  friend class Optimizer;
  Update(Optimizer& optimizer, SourceLine line) : optimizer_(optimizer), line_(line) {}

  Optimizer& optimizer_;
  SourceLine line_;
};

class Optimizer {
 public:
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer();

  /// Updates the trainable parameters from their gradients, on the current tape, or on one of its own where there is
  /// none. Throws TapeError where no gradients have been made since the last step, or while another thread's tape has
  /// read the registry. After a throw parameters, state and step count are as before.
  void step(SourceLine line = SourceLine::here());

  double learning_rate() const { return learning_rate_; }
  /// From the next step on. ValueError for a rate that is negative or not finite.
  void set_learning_rate(double learning_rate, SourceLine line = SourceLine::here());

  /// Steps made so far: what a checkpoint keeps beside the registry's state.
  std::int64_t step_count() const { return step_count_; }
  /// ValueError for a negative count.
  void set_step_count(std::int64_t step_count, SourceLine line = SourceLine::here());

  /// What its state's names begin with: "adam" of "adam.first_moment".
  const char* name() const { return name_; }

 protected:
  /// The optimizer's state in the registry starts at zero. ValueError where the rate is negative or not finite, or the
  /// registry has an optimizer of that name: the two would share their state. Options of a derived class are best
  /// checked before, so that a wrong one leaves the state as it was. `name` is a literal, without '/' and '.'.
  Optimizer(ParameterRegistry& registry, const char* name, double learning_rate, SourceLine line);

 private:
  friend class Update;
  virtual void update(Update& update) = 0;
  void record_step(SourceLine line);
  void record_update(SourceLine line);
  void check_fits(const Var& value, SourceLine line) const;
  int state_index(const char* name);

  struct Assignment {
    int state;  // −1: the parameters' values
    Var value;
  };
  struct KnownState {
    std::string name;  // without the optimizer's
    int index;
  };

  std::shared_ptr<internal::RegistryCore> core_;
  const char* name_;
  double learning_rate_;
  std::int64_t step_count_ = 0;
  std::vector<KnownState> states_;       // indices in the registry, which stay
  std::vector<Assignment> assignments_;  // of the step being recorded
};

}  // namespace thalweg
