#pragma once
// Gradients. Differentiation reads the tape backward and records the gradients' nodes on it.

#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

/// Gradients of one registry's trainable parameters, separate from the registry's own: for instance one per thread or
/// per micro-batch, to be added up. Zero at first. After a change of the registry's layout (a parameter added, frozen
/// or converted) only `backward` and `set_zero` may use it; anything else is a ValueError.
class Gradients {
 public:
  explicit Gradients(const ParameterRegistry& registry);
  /// A copy of one parameter's gradient. ValueError for a parameter of another registry, or one that is not trainable.
  Tensor operator[](const Parameter& parameter) const;
  Gradients& operator+=(const Gradients& other);
  Gradients& operator*=(double factor);
  void set_zero();
  /// Copies them to the registry's own gradients, as if `backward` had computed them there.
  void store(SourceLine line = SourceLine::here()) const;

  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }
  /// For `backward`, which overwrites everything; the layout is that of the registry's trainable buffers.
  void* data();

 private:
  void renew();
  void check_layout(const char* op, SourceLine line = {}) const;

  std::shared_ptr<internal::RegistryCore> core_;
  Tensor values_;             // flat
  std::uint32_t layout_ = 0;  // the registry's uid when `values_` was laid out
};

/// Computes d loss / d parameter for every registry that `loss` depends on, overwriting the gradients there. A
/// trainable parameter on which it does not depend gets zero.
/// TapeError if `loss` depends on no trainable parameter, or on one that was assigned on this tape; ShapeError if it is
/// not a scalar (then pass a seed).
void backward(const Var& loss, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
/// The same with `seed`, of the loss's shape, as the gradient of the loss: a vector–Jacobian product.
void backward(const Var& loss, const Tensor& seed, const char* file = __builtin_FILE(),
              unsigned line = __builtin_LINE());
/// For one registry, or some of its parameters, only. Other gradients are neither computed nor touched.
void backward(const Var& loss, const ParameterRegistry& target, const char* file = __builtin_FILE(),
              unsigned line = __builtin_LINE());
void backward(const Var& loss, const Selection& target, const char* file = __builtin_FILE(),
              unsigned line = __builtin_LINE());
/// Into `target` instead of the registry's own gradients; overwrites it.
void backward(const Var& loss, Gradients& target, const char* file = __builtin_FILE(),
              unsigned line = __builtin_LINE());

/// What to differentiate by: a Var from which y was computed, or a parameter, including all of its reads on the tape.
/// Not a tensor or number: each use of one as an operand is a separate constant.
class DerivativeInput {
 public:
  DerivativeInput(const Var& var) : var_(var) {}
  DerivativeInput(const Parameter& parameter, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE())
      : var_(parameter, file, line) {}
  DerivativeInput(const Tensor&) = delete;  // make a Var first: `Var x = tensor; gradients(f(x), x)`
  template <Number T>
  DerivativeInput(T) = delete;  // make a Var first: `Var x = 2.5; gradients(f(x), x)`

  const Var& var() const { return var_; }

 private:
  Var var_;
};

/// d y / d input for each input, as Vars that can be differentiated again. An input on which y does not depend gets
/// zeros of its shape. ShapeError if y is not a scalar and no seed is given; TapeError if an input is a Var of a
/// tensor, and y was computed from that tensor directly instead of from the Var.
std::vector<Var> gradients(const Var& y, std::span<const Var> inputs, const Var& seed = {},
                           const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
std::vector<Var> gradients(const Var& y, std::span<const Parameter> inputs, const Var& seed = {},
                           const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
std::vector<Var> gradients(const Var& y, std::initializer_list<DerivativeInput> inputs, const Var& seed = {},
                           const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());

/// The same for one input.
Var gradients(const Var& y, const DerivativeInput& input, const Var& seed = {}, const char* file = __builtin_FILE(),
              unsigned line = __builtin_LINE());

/// x as a constant for differentiation. d/dx = 0.
Var stop_gradient(const Operand& x);

}  // namespace thalweg
