#pragma once
// Gradients: reading the tape backwards and writing more of it.

#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

/// A buffer for gradients of one registry's trainable parameters, beside the registry's own: one per thread or per
/// micro-batch; they add. All zero at first, and again when `backward` fills them after a change of the registry's
/// layout (a parameter added, frozen or converted); anything else is a ValueError then.
class Gradients {
 public:
  explicit Gradients(const ParameterRegistry& registry);
  /// A copy. ValueError for a parameter of another registry, or one that is not trainable.
  Tensor operator[](const Parameter& parameter) const;
  Gradients& operator+=(const Gradients& other);
  Gradients& operator*=(double factor);
  void set_zero();
  /// Makes these the registry's gradients, as `backward` would have.
  void store(SourceLine line = SourceLine::here()) const;

  const std::shared_ptr<internal::RegistryCore>& core() const { return core_; }
  /// Laid out as the registry's trainable buffers; for `backward`, which overwrites all of it.
  void* data();

 private:
  void renew();
  void check_layout(const char* op, SourceLine line = {}) const;

  std::shared_ptr<internal::RegistryCore> core_;
  Tensor values_;             // flat
  std::uint32_t layout_ = 0;  // the registry's uid when `values_` was laid out
};

/// Fills the gradients of every registry that `loss` reaches: d loss / d parameter, overwriting what was there; a
/// trainable parameter that it does not reach gets zero.
/// Throws TapeError where it reaches no trainable parameter, or one that was assigned on this tape; ShapeError for a
/// loss that is not a scalar (a seed is wanted then).
void backward(const Var& loss, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
/// The same with `seed` (the loss's shape) as the gradient of the loss itself: a vector–Jacobian product.
void backward(const Var& loss, const Tensor& seed, const char* file = __builtin_FILE(),
              unsigned line = __builtin_LINE());
/// Gradients of one registry, or of some of its parameters, only; others are neither computed nor touched.
void backward(const Var& loss, const ParameterRegistry& target, const char* file = __builtin_FILE(),
              unsigned line = __builtin_LINE());
void backward(const Var& loss, const Selection& target, const char* file = __builtin_FILE(),
              unsigned line = __builtin_LINE());
/// Into `target` instead of the registry's own gradients; overwrites it.
void backward(const Var& loss, Gradients& target, const char* file = __builtin_FILE(),
              unsigned line = __builtin_LINE());

/// What a derivative is by: a Var that y was made from, or a parameter, which stands for itself however often it was read.
/// A tensor or number is neither: wherever an op is given one, that is a constant of its own.
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

/// d y / d input for each input, as Vars on the tape, which can be differentiated again. An input that y does not
/// depend on gets zeros of its shape. Throws ShapeError where y is not a scalar and no seed is given; TapeError for a
/// Var of a tensor that y was not made from, while y was made from that tensor itself.
std::vector<Var> gradients(const Var& y, std::span<const Var> inputs, const Var& seed = {},
                           const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
std::vector<Var> gradients(const Var& y, std::span<const Parameter> inputs, const Var& seed = {},
                           const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
std::vector<Var> gradients(const Var& y, std::initializer_list<DerivativeInput> inputs, const Var& seed = {},
                           const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());

/// The same for one input.
Var gradients(const Var& y, const DerivativeInput& input, const Var& seed = {}, const char* file = __builtin_FILE(),
              unsigned line = __builtin_LINE());

/// x, through which no gradient flows. d/dx = 0.
Var stop_gradient(const Operand& x);

}  // namespace thalweg
