#pragma once
// Named parameters in flat buffers: programs use the names, optimizers the buffers.

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

/// A recipe for a parameter's initial value. Its numbers depend only on (seed, name of the parameter), not on the order
/// in which parameters are added.
struct Initializer {
  /// Fills `values` (f64; converted to the registry's dtype afterward). `stream` is derived from the parameter's name.
  using Fill = std::function<void(std::span<double> values, std::uint64_t seed, std::uint32_t stream)>;

  Initializer() = default;
  Initializer(const Shape& shape, Fill fill) : shape(shape), fill(std::move(fill)) {}
  /// Copies `values`.
  Initializer(const Tensor& values);  // NOLINT(google-explicit-constructor): registry.add("bias", Tensor{1., 2.})

  Shape shape;
  Fill fill;
};

struct RegistryOptions {
  std::uint64_t seed = 0;
  DType dtype = DType::f32;  // f32 or f64
};

struct ParameterOptions {
  bool trainable = true;  // false, e.g. for running statistics: no gradient, no optimizer state
};

/// A named view into a registry: {registry, index}. Copies refer to the same value. A Parameter never dangles: it keeps
/// the registry's buffers alive. A default-constructed one is empty, and any query on it is a ValueError.
class Parameter {
 public:
  Parameter() = default;
  const std::string& name(SourceLine line = SourceLine::here()) const;
  const Shape& shape(SourceLine line = SourceLine::here()) const;
  DType dtype(SourceLine line = SourceLine::here()) const;
  int rank(SourceLine line = SourceLine::here()) const { return shape(line).rank(); }
  /// Number of elements.
  std::int64_t size(SourceLine line = SourceLine::here()) const { return shape(line).size(); }
  bool trainable(SourceLine line = SourceLine::here()) const;
  /// A copy of the present value.
  Tensor value(SourceLine line = SourceLine::here()) const;
  /// A copy of the gradient from the last `backward` (zeros before the first). ValueError for a parameter that is not
  /// trainable.
  Tensor gradient(SourceLine line = SourceLine::here()) const;
  /// Overwrites the value. ShapeError or DtypeError if `value` does not fit; TapeError while another thread's tape has
  /// read this registry.
  void set_value(const Tensor& value, SourceLine line = SourceLine::here()) const;

  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }
  int index() const { return index_; }
  bool empty() const { return core_ == nullptr; }
  Parameter(std::shared_ptr<internal::RegistryCore> core, int index) : core_(std::move(core)), index_(index) {}

 private:
  const internal::RegistryCore& require(const char* what, SourceLine line) const;

  std::shared_ptr<internal::RegistryCore> core_;
  int index_ = -1;
};

/// Some parameters of one registry, in the order in which they were added: a target for `backward` or an optimizer.
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

/// The operand of `registry[name]` with its source line: an operator cannot have default arguments.
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
/// Any number of threads may read a registry through tapes. Writing to it (set_value, assign, step and the non-const
/// functions below) while another thread's tape has read it is a TapeError; set_trainable and convert, which would
/// invalidate recorded nodes, are a TapeError while any tape has read it.
class ParameterRegistry {
 public:
  /// DtypeError unless the dtype is f32 or f64.
  explicit ParameterRegistry(const RegistryOptions& options = {}, SourceLine line = SourceLine::here());
  ParameterRegistry(const ParameterRegistry&) = delete;
  ParameterRegistry& operator=(const ParameterRegistry&) = delete;

  /// Adds a parameter. ValueError if the name is empty or taken.
  Parameter add(std::string name, const Initializer& initializer, const ParameterOptions& options = {},
                SourceLine line = SourceLine::here());
  /// The parameter of that name. ValueError suggesting the closest names if there is none.
  Parameter operator[](const NameArgument& name) const;
  bool contains(std::string_view name) const;
  /// All parameters, in the order in which they were added. Copy them before adding others.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// The parameters whose name matches the pattern ('*' matches any text). ValueError if none does.
  Selection select(std::string_view pattern, SourceLine line = SourceLine::here()) const;
  /// Freezes or unfreezes the matching parameters: frozen ones get no gradient and no optimizer state. Parameters that
  /// were added as not trainable (running statistics) are unfrozen by their full name only, not by a pattern with '*'.
  /// ValueError if none matches.
  void set_trainable(std::string_view pattern, bool trainable, SourceLine line = SourceLine::here());

  int size() const;
  /// Number of elements of the trainable parameters, or of all parameters.
  std::int64_t element_count(bool all = false) const;
  DType dtype() const;
  std::uint64_t seed() const;
  /// Converts values, gradients and state to f32 or f64; Parameters remain valid.
  void convert(DType dtype, SourceLine line = SourceLine::here());

  /// Names of the optimizer state: "adam.first_moment".
  std::vector<std::string> state_names() const;
  /// A copy of one parameter's part of a state, by name: "adam.first_moment/affine1.weight". ValueError if the state or
  /// parameter does not exist, or the parameter is not trainable.
  Tensor state(std::string_view name, SourceLine line = SourceLine::here()) const;
  /// Overwrites it. A state that does not exist yet is created, with zeros for the other parameters.
  void set_state(std::string_view name, const Tensor& value, SourceLine line = SourceLine::here());

  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }

 private:
  std::shared_ptr<internal::RegistryCore> core_;
  std::vector<Parameter> parameters_;
};

}  // namespace thalweg
