#pragma once
// Losses. Each formula is for one item (an element, or a row along `axis`); the options say how items are reduced.
//
// Predictions are f32 or f64 (DtypeError otherwise). A target has the prediction's shape or is a number; anything else
// is a ShapeError, since broadcasting (n, 1) with (n,) would silently compare all pairs. It has the prediction's dtype,
// or is bool, which counts as 0 and 1. A target, weight or probability of exactly 0 removes its term from the value and
// from the gradients, even if the other factor is infinite. All losses are differentiable in every argument.

#include <initializer_list>
#include <optional>
#include <span>

#include <thalweg/op.hpp>
#include <thalweg/registry.hpp>

namespace thalweg {

/// Whether the losses of the items are kept, summed or averaged.
enum class Reduction : std::uint8_t { none, sum, mean };

struct LossOptions {
  Reduction reduction = Reduction::mean;
};

/// (prediction − target)². d/dprediction = 2(prediction − target).
Var mean_squared_error(const Operand& prediction, const Operand& target, const LossOptions& options = {});
/// |prediction − target|. d/dprediction = sign(prediction − target), 0 where they are equal.
Var mean_absolute_error(const Operand& prediction, const Operand& target, const LossOptions& options = {});

struct HuberOptions {
  double delta = 1;
  Reduction reduction = Reduction::mean;
};
/// ½r² where |r| ≤ δ, else δ(|r| − ½δ), with r = prediction − target (Huber, Annals of Mathematical Statistics 35, 1964).
/// d/dprediction = r, or δ·sign r. ValueError for a δ that is not above 0 and finite.
Var huber(const Operand& prediction, const Operand& target, const HuberOptions& options = {});

struct HingeOptions {
  double margin = 1;
  Reduction reduction = Reduction::mean;
};
/// max(0, margin − target·prediction) for targets −1 and 1 (Cortes and Vapnik, Machine Learning 20, 1995).
/// d/dprediction = −target inside the margin, else 0. ValueError for a margin that is not finite.
Var hinge(const Operand& prediction, const Operand& target, const HingeOptions& options = {});

struct BinaryCrossEntropyOptions {
  Var weights = {};          // of the elements; broadcasts to the logits' shape
  Var positive_weight = {};  // of the term for target 1, against class imbalance; broadcasts to the logits' shape
  Reduction reduction = Reduction::mean;
};
/// −(w⁺·t·ln s(x) + (1 − t)·ln(1 − s(x))) for the logit x, with the sigmoid s, computed as w⁺·t·softplus(−x) + (1 −
/// t)·softplus(x): accurate at both ends. Targets t are probabilities; the mean divides by the number of elements.
/// d/dx = (1 − t)·s(x) − w⁺·t·s(−x).
Var binary_cross_entropy_with_logits(const Operand& logits, const Operand& targets,
                                     const BinaryCrossEntropyOptions& options = {});

struct SoftmaxCrossEntropyOptions {
  int axis = -1;                                   // of the classes
  double label_smoothing = 0;                      // e; the target becomes (1 − e)·target + e/classes
  Var class_weights = {};                          // (classes,): the term of class k counts weight k times
  std::optional<std::int64_t> ignored_index = {};  // rows with this label have no loss or gradient, and do not count
  Reduction reduction = Reduction::mean;
};
/// Softmax cross entropy of a row of logits, −Σ target·ln softmax(logits) along `axis`.
/// `targets`: i64 labels, with the logits' shape without that axis; or probabilities, with the logits' shape. ln Σ eˣ
/// is computed after subtracting the maximum. d/dlogits = softmax·Σtarget − target; d/dtarget = −ln softmax(logits).
/// The mean is over rows; with labels and class weights it is weighted by the weights of the rows' labels. If there are
/// no rows, or all are ignored, it is NaN with a gradient of 0.
/// Label smoothing: Szegedy et al., arXiv 1512.00567, section 7.
/// IndexError for a label outside [0, classes), with its index; ShapeError if the shapes do not match;
/// ValueError for a smoothing outside [0, 1], or an ignored index with probabilities as targets.
Var softmax_cross_entropy(const Operand& logits, const Operand& targets,
                          const SoftmaxCrossEntropyOptions& options = {});

struct DivergenceOptions {
  int axis = -1;                    // of the distribution
  bool logarithmic_target = false;  // the target, too, is a logarithm: ln p
  Reduction reduction = Reduction::mean;
};
/// Kullback–Leibler divergence Σ p·(ln p − ln q) along `axis`, from ln q (the prediction) and p (the target): one
/// number per distribution; the mean is over distributions (PyTorch's `batchmean`).
/// d/d ln q = −p; d/dp = ln p + 1 − ln q (0 where p is exactly 0).
Var kl_divergence(const Operand& log_prediction, const Operand& target, const DivergenceOptions& options = {});

struct CosineSimilarityOptions {
  int axis = -1;
  double epsilon = 1e-8;  // lower bound of the norms
  Reduction reduction = Reduction::none;
};
/// a·b / (max(‖a‖, ε)·max(‖b‖, ε)) along `axis`: 1 for equal directions, −1 for opposite ones, 0 if either is 0. Norms
/// do not over- or underflow. As a loss: 1 − cosine_similarity. d/da = (b̂ − â·similarity)/‖a‖, unit vectors â, b̂.
/// ValueError unless ε is positive and finite.
Var cosine_similarity(const Operand& a, const Operand& b, const CosineSimilarityOptions& options = {});

/// ½λ Σ W² over all the given parameters. d/dW = λW. With λ = 0, both value and gradient are exactly 0, whatever W is.
/// ValueError if λ is negative or not finite, or there are no parameters.
Var l2_penalty(std::initializer_list<Parameter> parameters, double lambda, SourceLine line = SourceLine::here());
Var l2_penalty(std::span<const Parameter> parameters, double lambda, SourceLine line = SourceLine::here());
/// λ Σ |W| over all the given parameters. d/dW = λ·sign W, 0 at 0. Otherwise as `l2_penalty`.
Var l1_penalty(std::initializer_list<Parameter> parameters, double lambda, SourceLine line = SourceLine::here());
Var l1_penalty(std::span<const Parameter> parameters, double lambda, SourceLine line = SourceLine::here());

}  // namespace thalweg
