#pragma once
// Parameters by name, in flat buffers: people work on the names, optimizers on the buffers.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <thalweg/error.hpp>
#include <thalweg/tensor.hpp>

namespace thalweg {

namespace internal {
class RegistryCore;
}

/// A recipe for a parameter's first value. Its numbers depend on (seed, name of the parameter) alone, not on the order
/// in which parameters are made.
struct Initializer {
  /// Fills `values` (f64; converted to the registry's dtype afterwards). `stream` is made from the parameter's name.
  using Fill = std::function<void(std::span<double> values, std::uint64_t seed, std::uint32_t stream)>;

  Initializer() = default;
  Initializer(const Shape& shape, Fill fill) : shape(shape), fill(std::move(fill)) {}
  /// The numbers of `values`.
  Initializer(const Tensor& values);  // NOLINT(google-explicit-constructor): registry.add("bias", Tensor{1., 2.})

  Shape shape;
  Fill fill;
};

struct RegistryOptions {
  std::uint64_t seed = 0;
  DType dtype = DType::f32;  // f32 or f64
};

struct ParameterOptions {
  bool trainable = true;  // false: running statistics and the like; no gradient, no optimizer state
};

/// A named view into a registry: {registry, index}. Copies alias one value; it never dangles, for it keeps the
/// registry's buffers alive. One that is default-constructed is empty: asking it anything is a ValueError.
class Parameter {
 public:
  Parameter() = default;
  const std::string& name() const;
  const Shape& shape() const;
  DType dtype() const;
  bool trainable() const;
  /// A copy of the value as it is now.
  Tensor value() const;
  /// A copy of the gradient that the last `backward` filled (zeros before the first). ValueError for a parameter that
  /// is not trainable.
  Tensor gradient() const;
  /// Overwrites the value. ShapeError or DtypeError where `value` does not fit; TapeError while another thread's tape
  /// has read this registry.
  void set_value(const Tensor& value, SourceLine line = SourceLine::here()) const;

  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }
  int index() const { return index_; }
  bool empty() const { return core_ == nullptr; }
  Parameter(std::shared_ptr<internal::RegistryCore> core, int index) : core_(std::move(core)), index_(index) {}

 private:
  const internal::RegistryCore& require(const char* what, SourceLine line = {}) const;

  std::shared_ptr<internal::RegistryCore> core_;
  int index_ = -1;
};

/// Some parameters of one registry, in the order of their making: the target of `backward`, a group of an optimizer.
class Selection {
 public:
  const std::vector<int>& indices() const { return indices_; }
  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }
  Selection(std::shared_ptr<internal::RegistryCore> core, std::vector<int> indices)
      : core_(std::move(core)), indices_(std::move(indices)) {}

 private:
  std::shared_ptr<internal::RegistryCore> core_;
  std::vector<int> indices_;
};

/// The name in `registry[name]`, with the place in the program where it stands: an operator takes no default arguments.
class NameArgument {
 public:
  NameArgument(const char* name, SourceLine line = SourceLine::here()) : name_(name), line_(line) {}
  NameArgument(std::string_view name, SourceLine line = SourceLine::here()) : name_(name), line_(line) {}
  NameArgument(const std::string& name, SourceLine line = SourceLine::here()) : name_(name), line_(line) {}

  std::string_view name() const { return name_; }
  SourceLine line() const { return line_; }

 private:
  std::string_view name_;
  SourceLine line_;
};

/// Values, gradients and optimizer state of named parameters, in flat buffers of one dtype.
///
/// Any number of threads may read it through tapes. Whatever writes (set_value, assign, step and the functions below
/// that are not const) is a TapeError while another thread's tape has read it; set_trainable and convert, which would
/// make nodes already recorded wrong, while any tape has.
class ParameterRegistry {
 public:
  /// DtypeError for a dtype other than f32 and f64.
  explicit ParameterRegistry(const RegistryOptions& options = {}, SourceLine line = SourceLine::here());
  ParameterRegistry(const ParameterRegistry&) = delete;
  ParameterRegistry& operator=(const ParameterRegistry&) = delete;

  /// Adds a parameter. ValueError: the name is empty or taken.
  Parameter add(std::string name, const Initializer& initializer, const ParameterOptions& options = {},
                SourceLine line = SourceLine::here());
  /// The parameter of that name. ValueError naming the closest ones where there is none.
  Parameter operator[](const NameArgument& name) const;
  bool contains(std::string_view name) const;
  /// All parameters, in the order of their making.
  std::vector<Parameter> parameters() const;
  /// The parameters whose name matches the pattern ('*' stands for any text). ValueError where none does.
  Selection select(std::string_view pattern, SourceLine line = SourceLine::here()) const;
  /// Freezes or unfreezes the parameters that match: frozen ones get no gradient and no optimizer state. Those that were
  /// added as not trainable (running statistics) are unfrozen by their full name only, not by a pattern with '*'.
  /// ValueError where none matches.
  void set_trainable(std::string_view pattern, bool trainable, SourceLine line = SourceLine::here());

  int size() const;
  /// Number of elements of the trainable parameters (of all, where `all`).
  std::int64_t element_count(bool all = false) const;
  DType dtype() const;
  std::uint64_t seed() const;
  /// Retypes values, gradients and state in place (f32 or f64); handles go on working.
  void convert(DType dtype, SourceLine line = SourceLine::here());

  /// Names of the optimizer state: "adam.first_moment".
  std::vector<std::string> state_names() const;
  /// A copy of one parameter's part of a state, by name: "adam.first_moment/affine1.weight". ValueError where there is
  /// no such state or parameter, or it is not trainable.
  Tensor state(std::string_view name, SourceLine line = SourceLine::here()) const;
  /// Overwrites it; a state that there is not yet starts at zero for the other parameters.
  void set_state(std::string_view name, const Tensor& value, SourceLine line = SourceLine::here());

  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }

 private:
  std::shared_ptr<internal::RegistryCore> core_;
};

}  // namespace thalweg
