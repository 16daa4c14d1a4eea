#pragma once
// The base of all optimizers. An optimizer is a formula: the update of a parameter on Vars, as the paper writes it.
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
// The Vars are ranges of the registry's flat buffers, covering all trainable parameters with the same options at once,
// so an elementwise formula runs as one pass over memory. Numbers in it are data: changing a rate needs no new plan.
//
// The base class handles these options if the options struct has them: learning_rate, weight_decay, weight_decay_form,
// maximize, gradient, groups. The formula need not mention the last five: gradient() and value() apply them.

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

/// Where weight decay acts. The two forms agree for plain gradient descent, and differ if steps are scaled by past
/// gradients. Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
enum class WeightDecayForm : std::uint8_t {
  coupled,    // gradient ← gradient + weight_decay · value: a penalty ½ · weight_decay · Σ value² in the loss
  decoupled,  // value ← value − learning_rate · weight_decay · value, apart from the step
};

/// What a step does if an element of a gradient is inf or NaN.
enum class NonFinite : std::uint8_t {
  pass_on,      // passes it to the formula
  throw_error,  // throws a ValueError naming parameter and element; nothing changes
  skip_step,    // discards the gradients; counts in skipped_count(), not in step_count()
};

/// Applied to all gradients together before any formula sees them.
struct GradientOptions {
  std::optional<double> clip_value = std::nullopt;  // each element into [−clip_value, clip_value]; above 0
  /// Scales all gradients by one factor so that their Euclidean norm is at most this; above 0. A norm that is not
  /// finite is a ValueError naming the parameter, unless `non_finite` skips the step.
  std::optional<double> clip_norm = std::nullopt;
  NonFinite non_finite = NonFinite::pass_on;

  bool operator==(const GradientOptions&) const = default;
};

/// Different options for the parameters whose names match: {"*.bias", [](auto& o) { o.weight_decay = 0; }}. If several
/// groups match a name, their changes apply in order.
template <class Options>
struct Group {
  std::string pattern;  // '*' matches any text
  std::function<void(Options&)> change;
};
template <class Options>
using Groups = std::vector<Group<Options>>;

/// What an optimizer updates: all trainable parameters of a registry, including ones added later, or the trainable ones
/// of a selection. It skips frozen parameters; a new or unfrozen one starts with zero state and a step count of 0.
class OptimizedParameters {
 public:
  OptimizedParameters(const ParameterRegistry& registry) : core_(registry.core()) {}
  OptimizedParameters(const Selection& selection)
      : core_(selection.core()), indices_(selection.indices()), is_all_(false) {}

  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }
  bool is_all() const { return is_all_; }
  /// Indices into the registry of the selected parameters; empty if all are updated.
  const std::vector<int>& indices() const { return indices_; }
  bool contains(int index) const {
    return is_all_ || std::find(indices_.begin(), indices_.end(), index) != indices_.end();
  }

 private:
  std::shared_ptr<internal::RegistryCore> core_;
  std::vector<int> indices_;
  bool is_all_ = true;
};

/// Checks an optimizer's options. Each function throws a ValueError naming optimizer, option and value.
class OptionCheck {
 public:
  /// `dtype` is that of the parameters, in which the formula computes.
  OptionCheck(const char* optimizer, DType dtype, SourceLine line)
      : optimizer_(optimizer), dtype_(dtype), line_(line) {}
  /// `wanted` states the requirement: "must be in [0, 1)".
  void holds(const char* option, double value, bool holds, const char* wanted) const;
  void fraction(const char* option, double value) const;      // in [0, 1)
  void positive(const char* option, double value) const;      // finite and above 0, also in the parameters' dtype
  void not_negative(const char* option, double value) const;  // finite and at least 0

 private:
  const char* optimizer_;
  DType dtype_;
  SourceLine line_;
};

/// The options of a group that the base class handles.
struct UpdateRule {
  Schedule learning_rate = 0;
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
};

/// One step as its formula sees it: vectors of trainable elements with the same options (or, if the optimizer asks for
/// it, one parameter in its own shape), in the registry's dtype. Reads give values from before the step, even after a
/// set; all sets are written together at the end of the step, or not at all if it throws.
class Update {
 public:
  /// The parameters, after decoupled weight decay if there is any.
  Var value();
  /// The parameters, without weight decay.
  Var undecayed_value() const;
  /// Their gradient: clipped, negated if maximizing, with coupled weight decay.
  Var gradient();
  /// State of the given name, zero before the first step. In the registry it is called "optimizer.name".
  Var state(const char* name);
  /// ShapeError or DtypeError unless the value has the shape and dtype of value().
  void set_value(const Var& value);
  void set_state(const char* name, const Var& value);
  /// t, which is 1 for the first step of these parameters.
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
  Var value_, gradient_;  // recorded at the first call
};

class Optimizer {
 public:
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer();

  /// Updates the parameters from their gradients, on the current tape or, without one, on a tape of its own. TapeError
  /// if some parameter's gradient has not been computed since this optimizer's last step, or while another thread's
  /// tape has read the registry. After a throw, parameters, state and step count are as before.
  void step(SourceLine line = SourceLine::here());

  /// The learning rate of the next step, for parameters without a group.
  double learning_rate() const;
  /// Sets a number or a schedule from the next step on; groups with their own rate keep it. A checkpoint restores a
  /// number, but not a schedule, which is a function. ValueError for a rate that is negative or not finite.
  void set_learning_rate(const Schedule& learning_rate, SourceLine line = SourceLine::here());

  /// Steps made so far.
  std::int64_t step_count() const { return step_count_; }
  /// ValueError for a negative count.
  void set_step_count(std::int64_t step_count, SourceLine line = SourceLine::here());
  /// Steps skipped because a gradient was not finite (NonFinite::skip_step).
  std::int64_t skipped_count() const { return skipped_count_; }

  /// The prefix of its state's names: "adam" in "adam.first_moment".
  const char* name() const { return name_; }
  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }

  /// What a checkpoint saves in addition to the registry's state.
  struct Progress {
    std::int64_t step_count = 0, skipped_count = 0;
    /// By parameter: the steps made before its state began, which do not count for its step number.
    std::vector<std::pair<std::string, std::int64_t>> begins = {};
    std::vector<std::pair<std::string, double>> numbers = {};  // see Optimizer::number
    std::optional<double> learning_rate = {};                  // the number set by set_learning_rate
  };
  Progress progress();
  void set_progress(const Progress& progress);
  /// Indices into the registry of the parameters it updates, including frozen ones.
  std::vector<int> parameter_indices() const;

 protected:
  /// What one call of the formula updates.
  enum class Unit : std::uint8_t {
    stretch,    // all neighbours in the flat buffers with the same options, as one vector
    parameter,  // one parameter in its own shape: for formulas that are not elementwise
  };

  /// ValueError if the parameters already have an optimizer of that name: the two would share their state. `name` is a
  /// string literal without '/' and '.'.
  Optimizer(const OptimizedParameters& parameters, const char* name, Unit unit, SourceLine line);
  /// Takes over the parameters. Their state "name.*" starts at zero.
  void start(const Schedule& learning_rate, const GradientOptions& gradient, SourceLine line);

  static OptionCheck option_check(const char* optimizer, const internal::RegistryCore& parameters, SourceLine line);
  /// ValueError for a pattern that matches no parameter's name.
  static void check_patterns(const char* optimizer, const OptimizedParameters& parameters,
                             const std::vector<std::string>& patterns, SourceLine line);
  /// The groups that match a name, as a bit mask.
  static std::uint64_t groups_of(const std::string& name, const std::vector<std::string>& patterns);

  /// Executes the formula once, without requiring new gradients and without counting a step.
  void apply(SourceLine line);
  /// A named number, initially 0, that checkpoints save.
  double& number(const char* name);

  /// Whether a step requires new gradients and consumes them.
  virtual bool needs_gradients() const { return true; }

 private:
  friend class Update;
  /// Runs the formula for parameters with the options at index `options`.
  virtual void update_part(Update& update, int options) = 0;
  /// The index of the options for a parameter of that name; adds them if there are none yet.
  virtual int options_of(const std::string& name) = 0;
  virtual const UpdateRule& rule(int options) const = 0;
  void use_learning_rate(const Schedule& learning_rate);
  virtual void replace_learning_rate(const Schedule& learning_rate) = 0;

  /// Divides the parameters into parts_, anew after parameters were added, frozen or converted.
  void find_parts();
  void divide_into_parts();
  /// The ranges of the parts in the flat buffers.
  std::vector<internal::FlatRange> ranges() const;

  /// TapeError if some parameter has no new gradient.
  void check_gradients(SourceLine line) const;
  // A step. `prepares`: whether to check and clip the gradients first. Returns whether the step was made, not skipped.
  bool carry_out(bool prepares, SourceLine line);
  bool looks_at_gradients() const;
  bool prepare_gradients(internal::Recorder& recorder, SourceLine line);
  void record_update(internal::Recorder& recorder, SourceLine line);
  int state_index(const char* name);
  double rate_of(const Schedule& schedule, SourceLine line) const;
  [[noreturn]] void throw_bad_rate(double rate, SourceLine line) const;

  /// A value the formula has set; recorded at its end, so that the formula reads values from before the step.
  struct Assignment {
    int state;  // −1: the parameters' values
    int region;
    Var value;
  };
  void record_assignment(internal::Recorder& recorder, const Assignment& assignment, SourceLine line);
  [[noreturn]] void throw_unfit(const Shape& shape, DType dtype, const Shape& wanted, SourceLine line) const;
  struct KnownState {
    std::string name;  // without the optimizer's prefix
    int index;
  };
  /// Adjacent parameters in the flat buffers with the same options and step number.
  struct Part {
    int options;
    std::int64_t begins;  // the step count at which their state began
    std::int64_t offset, elements;
    int parameter;  // the first
    int region;
  };
  /// When a parameter's state began: a parameter counts its steps from when it was added or unfrozen.
  struct Begin {
    std::uint32_t trainable_since = 0;  // as in the registry; if it differs, the state has begun anew
    std::int64_t step = 0;              // the optimizer's step count at that time
  };

  std::shared_ptr<internal::RegistryCore> core_;
  const char* name_;
  Unit unit_;
  OptimizedParameters parameters_;
  Schedule learning_rate_ = 0;
  Schedule given_rate_ = 0;   // that of the options, or the last schedule set: the program's, which no checkpoint holds
  bool is_rate_set_ = false;  // whether learning_rate_ is a number that replaces it
  GradientOptions gradient_options_;
  double gradient_scale_[2] = {1, 1};  // of the current step; two factors so that neither underflows
  std::int64_t step_count_ = 0, skipped_count_ = 0;
  std::uint64_t used_gradients_ = 0;  // the registry's gradient_count at the last step
  std::uint32_t layout_ = 0;          // the registry's uid when parts_ was made
  std::vector<Part> parts_;
  std::vector<Begin> begins_;  // by parameter
  std::vector<std::pair<std::string, double>> numbers_;
  std::vector<KnownState> states_;       // indices into the registry, which do not change
  std::vector<Assignment> assignments_;  // of the current step
};

/// The base of an optimizer with options, which may differ by group of parameters.
template <class Options>
class OptimizerOf : public Optimizer {
 public:
  /// The options of parameters without a group.
  const Options& options() const { return base_; }

 protected:
  using Check = void (*)(const Options&, const OptionCheck&);

  /// Throws what `check` throws for the options of any group, and ValueError for a pattern that matches nothing, or an
  /// invalid learning rate, weight decay or clipping limit.
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

/// The Euclidean norm of all gradients of a registry, without intermediate overflow or underflow.
double gradient_norm(const ParameterRegistry& registry);

}  // namespace thalweg
