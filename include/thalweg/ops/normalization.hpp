#pragma once
// Normalizations and dropout. They are composites: the tape shows their parts. Their gradients are closed-form
// formulas, again recorded from ordinary ops.

#include <thalweg/op.hpp>
#include <thalweg/ops/reduction.hpp>

namespace thalweg {

/// s = eˣ / Σ eˣ along `axis`, computed after subtracting the maximum so that nothing overflows; NaN if all of x is
/// −inf or some of it is +inf. f32, f64. d/dx: s(ḡ − Σ ḡs). IndexError for an axis out of range.
Var softmax(const Operand& x, int axis = -1);
/// ln softmax(x) = x − ln Σ eˣ along `axis`. d/dx: ḡ − softmax(x)·Σ ḡ.
Var log_softmax(const Operand& x, int axis = -1);

struct NormalizeOptions {
  double p = 2;
  Axes axes = -1;          // over which the norm is taken
  double epsilon = 1e-12;  // lower bound of the norm
};
/// x / max(‖x‖, ε) with the norm of `norm` over `axes`: vectors of length 1, and 0 for 0. d/dx by the quotient rule; ḡ/ε
/// below ε. ValueError unless ε is positive and finite in the dtype of x, and p is above 0.
Var normalize(const Operand& x, const NormalizeOptions& options = {});

struct LayerNormOptions {
  Axes axes = -1;         // over which mean and variance are taken; gamma and beta have their shape
  double epsilon = 1e-5;  // inside the root
};

/// Layer normalization (Ba, Kiros, Hinton, arXiv 1607.06450): gamma·x̂ + beta with x̂ = (x − mean)/√(variance + ε);
/// mean and (biased) variance are over `axes`. The same in both phases.
/// d/dx = (ĝ − mean(ĝ) − x̂·mean(ĝx̂))/√(variance + ε) with ĝ = ḡ·gamma; d/dgamma = Σ ḡx̂, d/dbeta = Σ ḡ.
/// ShapeError unless gamma and beta have the shape of the axes; ValueError unless ε is positive and finite in the dtype
/// of x (1e-50 is 0 in f32).
Var layer_norm(const Operand& x, const Operand& gamma, const Operand& beta, const LayerNormOptions& options = {});
/// Without scale and shift.
Var layer_norm(const Operand& x, const LayerNormOptions& options = {});

/// Root mean square normalization (Zhang and Sennrich, arXiv 1910.07467): gamma·x̂ with x̂ = x/√(mean x² + ε).
/// d/dx = (ĝ − x̂·mean(ĝx̂))/√(mean x² + ε) with ĝ = ḡ·gamma; d/dgamma = Σ ḡx̂. Otherwise as layer_norm.
Var rms_norm(const Operand& x, const Operand& gamma, const LayerNormOptions& options = {});
Var rms_norm(const Operand& x, const LayerNormOptions& options = {});

struct GroupNormOptions {
  double epsilon = 1e-5;  // inside the root
};

/// Group normalization (Wu and He, arXiv 1803.08494) of x (n, channels, …): x̂ as in layer_norm, computed over each of
/// `groups` groups of adjacent channels and all their positions; gamma and beta are (channels,). One group per channel
/// is instance normalization. Derivatives as for layer_norm.
/// ShapeError unless `groups` divides the number of channels and gamma and beta are (channels,).
Var group_norm(const Operand& x, std::int64_t groups, const Operand& gamma, const Operand& beta,
               const GroupNormOptions& options = {});
Var group_norm(const Operand& x, std::int64_t groups, const GroupNormOptions& options = {});

struct BatchNormOptions {
  double momentum = 0.1;  // running ← (1 − momentum)·running + momentum·batch
  double epsilon = 1e-5;  // inside the root; the book's is 1e-6
  /// Updates the running variance with the unbiased one (n − 1), as PyTorch does; the book's is biased.
  bool unbiased_running_variance = false;
  Axes feature_axes = 1;  // with separate statistics for each index, taken over all other axes
};

/// Batch normalization (Ioffe and Szegedy, arXiv 1502.03167): x is (n, features), or (n, channels, …) as in PyTorch, or
/// as `feature_axes` says (-1: channels last); gamma and beta have the shape of the feature axes. Over the n elements
/// of each feature:
///   mean = Σx/n, variance = Σ(x − mean)²/n, y = gamma·(x − mean)/√(variance + ε) + beta
/// The training phase uses the batch's statistics and updates the running ones, which are non-trainable parameters of
/// gamma's shape, by an effect; the evaluation phase uses the running ones. Their initial values are up to the caller:
/// the book starts both at 0, today's convention starts the variance at 1.
/// d/dx = gamma/√(variance + ε)·(ḡ − mean(ḡ) − x̂·mean(ḡx̂)), d/dgamma = Σ ḡx̂, d/dbeta = Σ ḡ.
/// ShapeError if shapes do not match, or an empty batch would update running statistics; ValueError for a momentum
/// outside [0, 1], an ε that is not positive and finite, or one element per feature with the unbiased form.
Var batch_norm(const Operand& x, const Operand& gamma, const Operand& beta, const Parameter& running_mean,
               const Parameter& running_variance, const BatchNormOptions& options = {});
/// Without running statistics: uses those of the batch in both phases.
Var batch_norm(const Operand& x, const Operand& gamma, const Operand& beta, const BatchNormOptions& options = {});

enum class DropoutForm : std::uint8_t {
  inverted,  // training: x·mask/(1 − p); evaluation: x
  book,      // training: x·mask; evaluation: x·(1 − p)
};

/// Sets each element to 0 with probability p (Srivastava et al., JMLR 15, 2014). The mask is one draw from `random`,
/// the same in the forward and every backward pass. ValueError if p is not in [0, 1].
Var dropout(const Operand& x, double probability, Random& random, DropoutForm form = DropoutForm::inverted);

}  // namespace thalweg
