#pragma once
// What optimizers share. One is a formula: a parameter's update on Vars, as the paper writes it.
//
//   struct MomentumOptions {
//     Schedule learning_rate = 0.01;
//     double momentum = 0.9;
//     Groups<MomentumOptions> groups = {};
//   };
//
//   class Momentum : public OptimizerOf<MomentumOptions> {
//    public:
//     explicit Momentum(const OptimizedParameters& parameters, const MomentumOptions& options = {},
//                       SourceLine line = SourceLine::here())
//         : OptimizerOf(parameters, "momentum", options, check, line) {}
//
//    private:
//     static void check(const MomentumOptions& o, const OptionCheck& check) { check.fraction("momentum", o.momentum); }
//     void update(Update& u, const MomentumOptions& o) override {
//       Var velocity = o.momentum * u.state("velocity") - u.learning_rate() * u.gradient();
//       u.set_state("velocity", velocity);
//       u.set_value(u.value() + velocity);
//     }
//   };
//
// The Vars are stretches of the registry's flat buffers, all trainable parameters with the same options at once, so an
// elementwise formula runs as one pass over memory. Numbers in it are data: changing a rate makes no new plan.
//
// Options that every optimizer knows by name, if its struct has them: learning_rate, weight_decay, weight_decay_form,
// maximize, gradient, groups. The formula does not mention the last five; gradient() and value() bring them along.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <thalweg/optim/schedules.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

class Optimizer;

namespace internal {
struct FlatRange;
}

/// Where weight decay acts. They are the same for plain gradient descent, and differ where a step is scaled by past
/// gradients. Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
enum class WeightDecayForm : std::uint8_t {
  coupled,    // gradient ← gradient + weight_decay · value: a penalty ½ · weight_decay · Σ value² in the loss
  decoupled,  // value ← value − learning_rate · weight_decay · value, beside the step
};

/// What a step does when an element of a gradient is inf or NaN.
enum class NonFinite : std::uint8_t {
  pass_on,      // the formula gets it
  throw_error,  // a ValueError naming parameter and element; nothing has changed
  skip_step,    // the gradients are dropped, the step is not made and not counted, skipped_count() is
};

/// What happens to all gradients together before any formula sees them.
struct GradientOptions {
  std::optional<double> clip_value = std::nullopt;  // each element into [−clip_value, clip_value]; above 0
  /// All are scaled alike so that their Euclidean norm is at most this; above 0. A norm that is not finite is a
  /// ValueError naming the parameter, unless the step is skipped then.
  std::optional<double> clip_norm = std::nullopt;
  NonFinite non_finite = NonFinite::pass_on;

  bool operator==(const GradientOptions&) const = default;
};

/// Other options for the parameters whose names match: {"*.bias", [](auto& o) { o.weight_decay = 0; }}. Where several
/// groups match a name their changes are made in order.
template <class Options>
struct Group {
  std::string pattern;  // '*' stands for any text
  std::function<void(Options&)> change;
};
template <class Options>
using Groups = std::vector<Group<Options>>;

/// What an optimizer updates: all trainable parameters of a registry, those added later too, or the trainable ones of a
/// selection. A parameter frozen later is left alone; a new or unfrozen one begins with zero state and a step count of 0.
class OptimizedParameters {
 public:
  OptimizedParameters(const ParameterRegistry& registry) : core_(registry.core()) {}
  OptimizedParameters(const Selection& selection)
      : core_(selection.core()), indices_(selection.indices()), is_all_(false) {}

  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }
  bool is_all() const { return is_all_; }
  /// Of the selection, in the registry; none where it is all.
  const std::vector<int>& indices() const { return indices_; }
  bool contains(int index) const {
    return is_all_ || std::find(indices_.begin(), indices_.end(), index) != indices_.end();
  }

 private:
  std::shared_ptr<internal::RegistryCore> core_;
  std::vector<int> indices_;
  bool is_all_ = true;
};

/// Checks an optimizer's options; each function throws a ValueError naming optimizer, option and value.
class OptionCheck {
 public:
  /// `dtype`: that of the parameters, in which the formula computes.
  OptionCheck(const char* optimizer, DType dtype, SourceLine line)
      : optimizer_(optimizer), dtype_(dtype), line_(line) {}
  /// `wanted` says what would hold: "must be in [0, 1)".
  void holds(const char* option, double value, bool holds, const char* wanted) const;
  void fraction(const char* option, double value) const;      // in [0, 1)
  void positive(const char* option, double value) const;      // finite and above 0, in the parameters' dtype too
  void not_negative(const char* option, double value) const;  // finite and at least 0

 private:
  const char* optimizer_;
  DType dtype_;
  SourceLine line_;
};

/// What the engine's side of an optimizer knows of a group's options.
struct UpdateRule {
  Schedule learning_rate = 0;
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
};

/// One step as its formula sees it: vectors of trainable elements with the same options (or one parameter in its own
/// shape, for an optimizer made so), in the registry's dtype. What is read is from before the step, whatever has been
/// set; what is set is written together at the step's end, or not at all where it throws.
class Update {
 public:
  /// The parameters; after weight decay where that is decoupled.
  Var value();
  /// The parameters as they are.
  Var undecayed_value() const;
  /// Their gradient: clipped, negated to maximize, with coupled weight decay.
  Var gradient();
  /// Zero before the first step. The registry knows it as "optimizer.name".
  Var state(const char* name);
  /// ShapeError or DtypeError where it is not of the shape and dtype of those above.
  void set_value(const Var& value);
  void set_state(const char* name, const Var& value);
  /// t: 1 for the first step of these parameters.
  std::int64_t step_number() const { return step_number_; }
  double learning_rate() const { return learning_rate_; }

  Update(const Update&) = delete;
  Update& operator=(const Update&) = delete;

 private:
  friend class Optimizer;
  Update(Optimizer& optimizer, internal::Recorder& recorder, SourceLine line)
      : optimizer_(optimizer), recorder_(recorder), line_(line) {}

  Optimizer& optimizer_;
  internal::Recorder& recorder_;
  SourceLine line_;
  const UpdateRule* rule_ = nullptr;
  int region_ = 0;
  std::int64_t step_number_ = 1;
  double learning_rate_ = 0;
  Var value_, gradient_;  // recorded once
};

class Optimizer {
 public:
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer();

  /// Updates the parameters from their gradients, on the current tape, or on one of its own where there is none. Throws
  /// TapeError where one of the parameters has no gradient that was made since this optimizer's last step, or while another
  /// thread's tape has read the registry. After a throw parameters, state and step count are as before.
  void step(SourceLine line = SourceLine::here());

  /// Of the next step, for parameters of no group.
  double learning_rate() const;
  /// From the next step on: a number or another schedule; groups with a rate of their own keep it. ValueError for a
  /// rate that is negative or not finite.
  void set_learning_rate(const Schedule& learning_rate, SourceLine line = SourceLine::here());

  /// Steps made so far.
  std::int64_t step_count() const { return step_count_; }
  /// ValueError for a negative count.
  void set_step_count(std::int64_t step_count, SourceLine line = SourceLine::here());
  /// Steps not made because a gradient was not finite (NonFinite::skip_step).
  std::int64_t skipped_count() const { return skipped_count_; }

  /// What its state's names begin with: "adam" of "adam.first_moment".
  const char* name() const { return name_; }
  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }

  /// What a checkpoint keeps beside the registry's state.
  struct Progress {
    std::int64_t step_count = 0, skipped_count = 0;
    /// By parameter: the steps made before its state began, which its own step number does not count.
    std::vector<std::pair<std::string, std::int64_t>> begins = {};
    std::vector<std::pair<std::string, double>> numbers = {};  // that the optimizer keeps beside its state
  };
  Progress progress();
  void set_progress(const Progress& progress);
  /// The parameters it updates, by index in the registry, frozen ones too.
  std::vector<int> parameter_indices() const;

 protected:
  /// What one call of the formula is about.
  enum class Unit : std::uint8_t {
    stretch,    // all neighbours in the flat buffers with the same options, as one vector
    parameter,  // one parameter in its own shape: for formulas that are not elementwise
  };

  /// ValueError where the parameters have an optimizer of that name already: the two would share their state. `name` is a
  /// literal, without '/' and '.'.
  Optimizer(const OptimizedParameters& parameters, const char* name, Unit unit, SourceLine line);
  /// Takes over the parameters; their state "name.*" starts at zero.
  void start(const Schedule& learning_rate, const GradientOptions& gradient, SourceLine line);

  static OptionCheck option_check(const char* optimizer, const internal::RegistryCore& parameters, SourceLine line);
  /// ValueError for a pattern that matches the name of none of the parameters.
  static void check_patterns(const char* optimizer, const OptimizedParameters& parameters,
                             const std::vector<std::string>& patterns, SourceLine line);
  /// The groups that a name is in, as a mask.
  static std::uint64_t groups_of(const std::string& name, const std::vector<std::string>& patterns);

  /// Carries the formula out once, without looking for new gradients and without counting a step.
  void apply(SourceLine line);
  /// A number of that name, 0 at first, which a checkpoint keeps.
  double& number(const char* name);

  /// Whether a step wants gradients and uses them up.
  virtual bool needs_gradients() const { return true; }

 private:
  friend class Update;
  /// The formula for parameters with the options of place `options`.
  virtual void update_part(Update& update, int options) = 0;
  /// The place of the options of a parameter of that name; made where there are none yet.
  virtual int options_of(const std::string& name) = 0;
  virtual const UpdateRule& rule(int options) const = 0;
  virtual void replace_learning_rate(const Schedule& learning_rate) = 0;

  /// Divides the parameters into parts_; again after parameters were added, frozen or converted.
  void find_parts();
  void divide_into_parts();
  /// Where the parts lie in the flat buffers.
  std::vector<internal::FlatRange> ranges() const;

  /// TapeError where one of the parameters has no new gradient.
  void check_gradients(SourceLine line) const;
  // A step. The two bools: whether gradients are clipped and looked at first; whether the step was made, not skipped.
  bool carry_out(bool prepares, SourceLine line);
  bool looks_at_gradients() const;
  bool prepare_gradients(internal::Recorder& recorder, SourceLine line);
  void record_update(internal::Recorder& recorder, SourceLine line);
  int state_index(const char* name);
  double rate_of(const Schedule& schedule, SourceLine line) const;
  [[noreturn]] void throw_bad_rate(double rate, SourceLine line) const;

  /// What the formula has set: recorded when it is complete, so that whatever it reads is from before the step.
  struct Assignment {
    int state;  // −1: the parameters' values
    int region;
    Var value;
  };
  void record_assignment(internal::Recorder& recorder, const Assignment& assignment, SourceLine line);
  [[noreturn]] void throw_unfit(const Shape& shape, DType dtype, const Shape& wanted, SourceLine line) const;
  struct KnownState {
    std::string name;  // without the optimizer's
    int index;
  };
  /// Neighbours in the flat buffers whose options and step numbers are the same.
  struct Part {
    int options;
    std::int64_t begins;  // the step before which their state began
    std::int64_t offset, elements;
    int parameter;  // the first
    int region;
  };
  /// When a parameter's state began: a parameter that is added or unfrozen counts its steps from then on.
  struct Begin {
    std::uint32_t trainable_since = 0;  // as the registry has it; another one: its state has begun anew
    std::int64_t step = 0;              // the optimizer's step count at that time
  };

  std::shared_ptr<internal::RegistryCore> core_;
  const char* name_;
  Unit unit_;
  OptimizedParameters parameters_;
  Schedule learning_rate_ = 0;
  GradientOptions gradient_options_;
  double gradient_scale_[2] = {1, 1};  // of the step being made: two factors, so that none underflows
  std::int64_t step_count_ = 0, skipped_count_ = 0;
  std::uint64_t used_gradients_ = 0;  // the count of those that the last step took
  std::uint32_t layout_ = 0;          // the registry's uid when parts_ was made
  std::vector<Part> parts_;
  std::vector<Begin> begins_;  // by parameter
  std::vector<std::pair<std::string, double>> numbers_;
  std::vector<KnownState> states_;       // indices in the registry, which stay
  std::vector<Assignment> assignments_;  // of the step being recorded
};

/// An optimizer with options of its own, alike for all parameters or by group.
template <class Options>
class OptimizerOf : public Optimizer {
 public:
  /// Those of parameters in no group.
  const Options& options() const { return base_; }

 protected:
  using Check = void (*)(const Options&, const OptionCheck&);

  /// Throws what `check` throws for the options of any group, and ValueError for a pattern that matches nothing, a
  /// learning rate, weight decay or clipping limit without meaning.
  OptimizerOf(const OptimizedParameters& parameters, const char* name, const Options& options, Check check,
              SourceLine line = SourceLine::here())
      : OptimizerOf(parameters, name, options, check, Unit::stretch, line) {}
  OptimizerOf(const OptimizedParameters& parameters, const char* name, const Options& options, Check check, Unit unit,
              SourceLine line)
      : Optimizer(checked(name, parameters, options, check, line), name, unit, line),
        base_(options),
        check_(check),
        line_(line),
        patterns_(patterns_of(options)) {
    GradientOptions gradient;
    if constexpr (requires { options.gradient; }) gradient = options.gradient;
    start(rule_of(options).learning_rate, gradient, line);
  }

 private:
  virtual void update(Update& update, const Options& options) = 0;

  struct Variant {
    std::uint64_t groups;
    Options options;
    UpdateRule rule;
  };

  void update_part(Update& update, int options) final {
    this->update(update, variants_[static_cast<std::size_t>(options)].options);
  }
  const UpdateRule& rule(int options) const final { return variants_[static_cast<std::size_t>(options)].rule; }

  int options_of(const std::string& name) final {
    const std::uint64_t groups = groups_of(name, patterns_);
    for (std::size_t i = 0; i < variants_.size(); ++i)
      if (variants_[i].groups == groups) return static_cast<int>(i);
    variants_.push_back(variant(groups));
    return static_cast<int>(variants_.size()) - 1;
  }

  void replace_learning_rate(const Schedule& learning_rate) final {
    if constexpr (requires { base_.learning_rate; }) base_.learning_rate = learning_rate;
    for (Variant& known : variants_) {
      if (known.groups == 0)
        known.rule.learning_rate = learning_rate;
      else
        known = variant(known.groups);
    }
  }

  Variant variant(std::uint64_t groups) const {
    Variant made{groups, base_, {}};
    if constexpr (requires { base_.groups; })
      for (std::size_t i = 0; i < base_.groups.size(); ++i)
        if ((groups >> i & 1) != 0) base_.groups[i].change(made.options);
    check_one(made.options, check_, option_check(this->name(), *this->core(), line_));
    made.rule = rule_of(made.options);
    return made;
  }

  static UpdateRule rule_of(const Options& options) {
    UpdateRule rule;
    if constexpr (requires { options.learning_rate; }) rule.learning_rate = options.learning_rate;
    if constexpr (requires { options.weight_decay; }) rule.weight_decay = options.weight_decay;
    if constexpr (requires { options.weight_decay_form; }) rule.weight_decay_form = options.weight_decay_form;
    if constexpr (requires { options.maximize; }) rule.maximize = options.maximize;
    return rule;
  }

  static void check_one(const Options& options, Check check, const OptionCheck& option) {
    if constexpr (requires { options.learning_rate; }) {
      const double rate = options.learning_rate(0);
      option.not_negative("learning_rate", rate);
    }
    if constexpr (requires { options.weight_decay; }) option.not_negative("weight_decay", options.weight_decay);
    if (check != nullptr) check(options, option);
  }

  static std::vector<std::string> patterns_of(const Options& options) {
    std::vector<std::string> patterns;
    if constexpr (requires { options.groups; })
      for (const auto& group : options.groups) patterns.push_back(group.pattern);
    return patterns;
  }

  static const OptimizedParameters& checked(const char* name, const OptimizedParameters& parameters,
                                            const Options& options, Check check, SourceLine line) {
    const OptionCheck option = option_check(name, *parameters.core(), line);
    check_patterns(name, parameters, patterns_of(options), line);
    check_one(options, check, option);
    if constexpr (requires { options.gradient; }) {
      if (options.gradient.clip_value) option.positive("gradient.clip_value", *options.gradient.clip_value);
      if (options.gradient.clip_norm) option.positive("gradient.clip_norm", *options.gradient.clip_norm);
    }
    if constexpr (requires { options.groups; }) {
      option.holds("groups.size()", static_cast<double>(options.groups.size()), options.groups.size() <= 64,
                   "must be at most 64");
      for (const auto& group : options.groups) {
        Options changed = options;
        group.change(changed);
        check_one(changed, check, option);
        if constexpr (requires { options.gradient; })
          option.holds("groups: gradient", 0, changed.gradient == options.gradient,
                       "concerns all parameters together and cannot be a group's");
      }
    }
    return parameters;
  }

  Options base_;
  Check check_;
  SourceLine line_;
  std::vector<std::string> patterns_;
  std::vector<Variant> variants_;
};

/// The Euclidean norm of all gradients of a registry, without overflow or underflow on the way.
double gradient_norm(const ParameterRegistry& registry);

}  // namespace thalweg
