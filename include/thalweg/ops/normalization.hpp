#pragma once
// Normalizations and dropout. They are composites: the tape shows their parts, and their gradients are closed formulas, which
// are recorded from ordinary ops as well.

#include <thalweg/op.hpp>
#include <thalweg/ops/reduction.hpp>

namespace thalweg {

/// s = eˣ / Σ eˣ along `axis`, of x less its maximum, so that nothing overflows; NaN where all of x is −inf, or some of it
/// +inf. f32, f64. d/dx: s(ḡ − Σ ḡs). IndexError for an axis out of range.
Var softmax(const Operand& x, int axis = -1);
/// ln softmax(x) = x − ln Σ eˣ along `axis`. d/dx: ḡ − softmax(x)·Σ ḡ.
Var log_softmax(const Operand& x, int axis = -1);

struct LayerNormOptions {
  Axes axes = -1;         // that mean and variance are taken over; gamma and beta have their shape
  double epsilon = 1e-5;  // inside the root
};

/// Layer normalization (Ba, Kiros, Hinton, arXiv 1607.06450): gamma·x̂ + beta with x̂ = (x − mean)/√(variance + ε), mean and
/// (biased) variance over `axes`, for each of the others. The same in both phases.
/// d/dx = (ĝ − mean(ĝ) − x̂·mean(ĝx̂))/√(variance + ε) with ĝ = ḡ·gamma; d/dgamma = Σ ḡx̂, d/dbeta = Σ ḡ.
/// ShapeError where gamma or beta has not the shape of the axes, ValueError for an ε that is not above 0 and finite (in f32,
/// where x is: 1e-50 is 0 there).
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

/// Group normalization (Wu and He, arXiv 1803.08494) of x (n, channels, …): x̂ as in layer_norm, over each of `groups` groups
/// of neighbouring channels with all that belongs to them; gamma and beta are (channels,). One group for each channel:
/// instance normalization. Derivatives as layer_norm's.
/// ShapeError where the channels do not divide by the groups, or gamma or beta is not (channels,).
Var group_norm(const Operand& x, std::int64_t groups, const Operand& gamma, const Operand& beta,
               const GroupNormOptions& options = {});
Var group_norm(const Operand& x, std::int64_t groups, const GroupNormOptions& options = {});

struct BatchNormOptions {
  double momentum = 0.1;  // running ← (1 − momentum)·running + momentum·batch
  double epsilon = 1e-5;  // inside the root; the book's is 1e-6
  /// The running variance takes the batch's unbiased one (n − 1), as PyTorch does; the book's is biased.
  bool unbiased_running_variance = false;
  Axes feature_axes = 1;  // that have statistics of their own; these are taken over all others
};

/// Batch normalization (Ioffe and Szegedy, arXiv 1502.03167): x is (n, features), or (n, channels, …) as PyTorch has it, or
/// what `feature_axes` say (-1: channels last); gamma and beta have the shape of the feature axes. Over the n elements of
/// each feature:
///   mean = Σx/n, variance = Σ(x − mean)²/n, y = gamma·(x − mean)/√(variance + ε) + beta
/// In the training phase the batch's statistics are used, and the running ones, non-trainable parameters of gamma's shape,
/// are updated as effects; in the evaluation phase the running ones are used. The book starts both running statistics at 0,
/// today's convention starts the variance at 1: that is how they are initialized.
/// d/dx = gamma/√(variance + ε)·(ḡ − mean(ḡ) − x̂·mean(ḡx̂)), d/dgamma = Σ ḡx̂, d/dbeta = Σ ḡ.
/// ShapeError where shapes do not belong together, or an empty batch would move running statistics; ValueError for a
/// momentum outside [0, 1], an ε that is not above 0 and finite, or one element a feature with the unbiased form.
Var batch_norm(const Operand& x, const Operand& gamma, const Operand& beta, const Parameter& running_mean,
               const Parameter& running_variance, const BatchNormOptions& options = {});
/// The same without running statistics: the batch's in either phase.
Var batch_norm(const Operand& x, const Operand& gamma, const Operand& beta, const BatchNormOptions& options = {});

enum class DropoutForm : std::uint8_t {
  inverted,  // training: x·mask/(1 − p); evaluation: x
  book,      // training: x·mask; evaluation: x·(1 − p)
};

/// Sets each element to 0 with probability p (Srivastava et al., JMLR 15, 2014). The mask is one draw of `random`: the same
/// in the forward and every backward pass. ValueError where p is not in [0, 1].
Var dropout(const Operand& x, double probability, Random& random, DropoutForm form = DropoutForm::inverted);

}  // namespace thalweg
