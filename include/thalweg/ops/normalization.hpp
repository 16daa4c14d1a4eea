#pragma once
// Composites: the tape shows their parts; closed-form gradient rules, recorded from ordinary ops, stand beside them.

#include <thalweg/op.hpp>

namespace thalweg {

/// eˣ / Σ eˣ along `axis`, the maximum taken out first. d/dx: s(ḡ − Σ ḡs).
Var softmax(const Operand& x, int axis = -1);
/// x − ln Σ eˣ along `axis`. d/dx: ḡ − softmax(x)·Σ ḡ.
Var log_softmax(const Operand& x, int axis = -1);

struct BatchNormOptions {
  double momentum = 0.1;  // running ← (1 − momentum)·running + momentum·batch
  double epsilon = 1e-5;  // inside the root; the book's is 1e-6
  /// The running variance takes the batch's unbiased one (n − 1), as PyTorch does; the book's is biased.
  bool unbiased_running_variance = false;
};

/// Batch normalization over axis 0 (Ioffe and Szegedy, arXiv 1502.03167): x is (n, features), gamma and beta (features,).
///   mean = Σx/n, variance = Σ(x − mean)²/n, y = gamma·(x − mean)/√(variance + ε) + beta
/// In the training phase the batch's statistics are used, and the running ones, non-trainable parameters of shape
/// (features,), are updated as effects; in the evaluation phase the running ones are used. The book starts both running
/// statistics at 0, today's convention starts the variance at 1: that is how they are initialized.
/// d/dx = gamma/√(variance + ε)·(ḡ − mean(ḡ) − x̂·mean(ḡx̂)), d/dgamma = Σ ḡx̂, d/dbeta = Σ ḡ.
/// ValueError for a momentum outside [0, 1], an ε that is not above 0, or a batch of one with the unbiased form.
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
