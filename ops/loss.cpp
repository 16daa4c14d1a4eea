#include <thalweg/ops/loss.hpp>

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <thalweg/attribute.hpp>
#include <thalweg/composite.hpp>
#include <thalweg/differentiate.hpp>
#include <thalweg/ops/activation.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/indexing.hpp>
#include <thalweg/ops/reduction.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

namespace {

// --- helpers ---

/// DtypeError unless `a` and `b` have the same floating dtype, or one of them is a number or a bool.
void check_dtypes(const char* op, const Var& a, const Var& b, SourceLine line) {
  if (const DType dtype = a.dtype(); is_floating(dtype) && b.dtype() == dtype) return;
  NodeType types[2] = {type_of(a), type_of(b)};
  if (!is_floating(types[0].dtype) && !types[0].weak)
    fail<DtypeError>(op, fmt::format("{} has no fractions; cast to f32 or f64 first", name(types[0].dtype)), line);
  types[0].shape = types[1].shape = Shape{};
  Inference(op, line, 0, types).broadcast();
}

/// Checks a target whose shape or dtype differs from the prediction's; converts a bool.
Var fitted_target(const char* op, const Var& prediction, const Var& target, SourceLine line) {
  check_dtypes(op, prediction, target, line);
  if (!(prediction.shape() == target.shape()) && target.rank() != 0)
    fail<ShapeError>(op,
                     fmt::format("prediction {} and target {} differ in shape", to_string(prediction.shape()),
                                 to_string(target.shape())),
                     line);
  return target.dtype() == DType::boolean ? cast(target, prediction.dtype()) : target;
}

/// The target as a checked Var: it has the prediction's shape or is a number, and has its dtype or is a bool, which is
/// converted.
Var checked_target(const char* op, const Var& prediction, const Operand& wanted, SourceLine line) {
  internal::Recorder& recorder = internal::Recorder::require(op, line);
  const Var target = recorder.var(recorder.resolve(wanted, op));
  const internal::Info &p = recorder.info(prediction.id()), &t = recorder.info(target.id());
  if (p.shape == t.shape && p.dtype == t.dtype && is_floating(p.dtype)) return target;  // shapes are interned
  return fitted_target(op, prediction, target, line);
}

/// ShapeError unless `weights` broadcast to the items' shape, DtypeError unless their dtypes match.
void check_weights(const char* op, const char* what, const Var& weights, const Var& items, SourceLine line) {
  check_dtypes(op, items, weights, line);
  const NodeType types[2] = {{items.shape(), DType::f32, false}, {weights.shape(), DType::f32, false}};
  if (!(Inference(op, line, 0, types).broadcast().shape == items.shape()))
    fail<ShapeError>(
        op, fmt::format("{} {} do not stretch to {}", what, to_string(weights.shape()), to_string(items.shape())),
        line);
}

void check_positive(const char* op, const char* what, double setting, SourceLine line) {
  if (!(setting > 0) || std::isinf(setting))
    fail<ValueError>(op, fmt::format("{} is {}; it must be above 0, and finite", what, setting), line);
}

/// factor · term, where a factor of exactly 0 removes the term, as `chain` does.
Var weighted(const Operand& factor, const Operand& term) { return chain(factor, term); }

Var reduce(const Var& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::none: return losses;
    case Reduction::sum: return sum(losses);
    case Reduction::mean: return sum(losses) / literal(static_cast<double>(losses.size()));
  }
  return losses;
}

}  // namespace

// --- losses of elements ---

namespace {

// Compositions of the prediction and the target; the attribute is the reduction.

Var squared_error(std::span<const Var> inputs, std::uint64_t reduction, SourceLine line) {
  const Var &p = inputs[0], t = checked_target("mean_squared_error", p, inputs[1], line);
  return reduce(square(p - t), static_cast<Reduction>(reduction));
}
Var absolute_error(std::span<const Var> inputs, std::uint64_t reduction, SourceLine line) {
  const Var &p = inputs[0], t = checked_target("mean_absolute_error", p, inputs[1], line);
  return reduce(abs(p - t), static_cast<Reduction>(reduction));
}

const Composition squared_error_composition{.name = "mean_squared_error", .build = squared_error};
const Composition absolute_error_composition{.name = "mean_absolute_error", .build = absolute_error};

}  // namespace

Var mean_squared_error(const Operand& prediction, const Operand& target, const LossOptions& options) {
  return record(squared_error_composition, prediction, target, static_cast<std::uint64_t>(options.reduction));
}

Var mean_absolute_error(const Operand& prediction, const Operand& target, const LossOptions& options) {
  return record(absolute_error_composition, prediction, target, static_cast<std::uint64_t>(options.reduction));
}

Var huber(const Operand& prediction, const Operand& target, const HuberOptions& options) {
  const OpScope scope("huber", prediction.line());
  const Var p = as_var(prediction, "huber"), t = checked_target("huber", p, target, prediction.line());
  check_positive("huber", "delta", options.delta, prediction.line());
  const Var residual = p - t, size = abs(residual);
  const Var losses = where(size <= options.delta, square(residual) * 0.5, (size - options.delta / 2) * options.delta);
  return reduce(losses, options.reduction);
}

Var hinge(const Operand& prediction, const Operand& target, const HingeOptions& options) {
  const OpScope scope("hinge", prediction.line());
  const Var p = as_var(prediction, "hinge"), t = checked_target("hinge", p, target, prediction.line());
  if (!std::isfinite(options.margin))
    fail<ValueError>("hinge", fmt::format("margin is {}; it must be finite", options.margin), prediction.line());
  return reduce(relu(options.margin - t * p), options.reduction);
}

namespace {

constexpr const char* binary_cross_entropy = "binary_cross_entropy_with_logits";

Var binary_cross_entropy_of(const Var& x, const Operand& targets, const BinaryCrossEntropyOptions& options,
                            SourceLine line) {
  const Var t = checked_target(binary_cross_entropy, x, targets, line);
  Var positive = softplus(-x);
  if (!options.positive_weight.empty()) {
    check_weights(binary_cross_entropy, "positive weights", options.positive_weight, x, line);
    positive = weighted(options.positive_weight, positive);
  }
  Var losses = weighted(t, positive) + weighted(literal(1) - t, softplus(x));
  if (!options.weights.empty()) {
    check_weights(binary_cross_entropy, "weights", options.weights, x, line);
    losses = weighted(options.weights, losses);
  }
  return reduce(losses, options.reduction);
}

const Composition binary_cross_entropy_composition{
    .name = binary_cross_entropy, .build = [](std::span<const Var> inputs, std::uint64_t reduction, SourceLine line) {
      return binary_cross_entropy_of(inputs[0], inputs[1], {.reduction = static_cast<Reduction>(reduction)}, line);
    }};

}  // namespace

Var binary_cross_entropy_with_logits(const Operand& logits, const Operand& targets,
                                     const BinaryCrossEntropyOptions& options) {
  if (options.positive_weight.empty() && options.weights.empty())
    return record(binary_cross_entropy_composition, logits, targets, static_cast<std::uint64_t>(options.reduction));
  const OpScope scope(binary_cross_entropy, logits.line());
  return binary_cross_entropy_of(as_var(logits, binary_cross_entropy), targets, options, logits.line());
}

// --- losses of rows ---

namespace {

// The cross entropy of rows of logits as a composite. With m the maximum of a row, its inputs are
//   for labels:               the composed result, logits, e^(logits − m), Σ e^(logits − m), is_label (bool)
//   for target distributions: the composed result, logits, target, e^(logits − m), Σ e^(logits − m), logits − m
// where the result and the sum are (rows, 1), all others (rows, classes).

Var labels_pullback(const Pullback& p) {
  const Var share = p.input(2) * (1 / p.input(3));  // one division per row; the sum is at least 1
  return chain(p.gradient, where(p.input(4), share - 1, share));
}

Var distribution_pullback_logits(const Pullback& p) {
  const Var &target = p.input(2), &exponentials = p.input(3), &total = p.input(4);
  return chain(p.gradient, exponentials * (sum(target, -1, true) / total) - target);
}
Var distribution_pullback_target(const Pullback& p) { return chain(p.gradient, log(p.input(4)) - p.input(5)); }

const Op labels_op = composite("cross_entropy", {nullptr, labels_pullback});
const Op distribution_op =
    composite("cross_entropy", {nullptr, distribution_pullback_logits, distribution_pullback_target});

constexpr const char* cross_entropy = "softmax_cross_entropy";

/// How logits with classes along some axis map to rows (rows, classes).
struct Rows {
  Shape shape;  // of the logits
  int axis;     // of the classes, from the front
  Shape items;  // the shape without that axis: an item is one row
  std::int64_t outer, classes, inner;

  Rows(const char* op, const Shape& logits, int wanted, SourceLine line)
      : shape(logits),
        axis(axis_from_front(op, wanted, logits, line)),
        items(reduced_shape(logits, std::uint64_t{1} << axis, false)) {
    const AxisSplit split = split_at(shape, axis);
    outer = split.outer;
    classes = split.count;
    inner = split.inner;
  }
  /// x, of the logits' shape, as rows.
  Var of(const Var& x) const {
    const Var grouped = inner == 1 ? x : permute(reshape(x, {outer, classes, inner}), {0, 2, 1});
    return reshape(grouped, {outer * inner, classes});
  }
};

void check_targets(const Rows& rows, const Var& logits, const Var& target, bool by_label,
                   const SoftmaxCrossEntropyOptions& options, SourceLine line) {
  if (by_label && target.shape() == rows.shape)
    fail<DtypeError>(
        cross_entropy,
        fmt::format("targets of the logits' shape are probabilities of dtype {}, these are i64", name(logits.dtype())),
        line);
  const Shape& wanted = by_label ? rows.items : rows.shape;
  if (!(target.shape() == wanted))
    fail<ShapeError>(cross_entropy,
                     fmt::format("targets {} {} do not belong to logits {} with classes along axis {}: i64 "
                                 "labels {} or probabilities {} are wanted",
                                 name(target.dtype()), to_string(target.shape()), to_string(rows.shape), rows.axis,
                                 to_string(rows.items), to_string(rows.shape)),
                     line);
  if (!by_label) check_dtypes(cross_entropy, logits, target, line);
  if (!is_probability(options.label_smoothing))
    fail<ValueError>(cross_entropy, fmt::format("label_smoothing is {}; it must be in [0, 1]", options.label_smoothing),
                     line);
  if (options.ignored_index && !by_label)
    fail<ValueError>(cross_entropy, "ignored_index says which labels to ignore; the targets are probabilities", line);
  const Var& weights = options.class_weights;
  if (!weights.empty()) check_dtypes(cross_entropy, logits, weights, line);
  if (!weights.empty() && !(weights.shape() == Shape{rows.classes}))
    fail<ShapeError>(cross_entropy,
                     fmt::format("class weights {} must be ({},)", to_string(weights.shape()), rows.classes), line);
}

/// The parts of row losses. The maximum of each row is subtracted from its logits, so that no exponential overflows.
struct RowTerms {
  Var logits, shifted, exponentials, total;

  explicit RowTerms(const Var& rows) : logits(rows) {
    const Var largest = stop_gradient(max(rows, 1, true));
    const Var infinite = literal(std::numeric_limits<double>::infinity());
    shifted = rows - where(abs(largest) == infinite, literal(0), largest);  // avoids inf − inf
    exponentials = exp(shifted);
    total = sum(exponentials, 1, true);
  }
  Var of_label(const Var& is_label, SourceLine line) const {
    const Var composed = log(total) - sum(where(is_label, shifted, literal(0)), 1, true);
    const Var inputs[5] = {composed, logits, exponentials, total, is_label};
    return record(labels_op, inputs, 0, line);
  }
  Var of_distribution(const Var& target, SourceLine line) const {
    const Var composed = sum(weighted(target, log(total) - shifted), 1, true);
    const Var inputs[6] = {composed, logits, target, exponentials, total, shifted};
    return record(distribution_op, inputs, 0, line);
  }
};

/// e/classes: the amount that label smoothing adds to each class in (1 − e)·target + e/classes.
double smoothing_share(const SoftmaxCrossEntropyOptions& options, const Rows& rows) {
  return options.label_smoothing / static_cast<double>(rows.classes);
}

/// Reduces the losses of rows, (rows, 1): to the items' shape, or to one number.
Var reduce_rows(const Var& losses, const Shape& items, Reduction reduction) {
  return reduction == Reduction::none ? reshape(losses, items) : reduce(losses, reduction);
}

Var cross_entropy_of_labels(const Rows& rows, const Var& logits, const Var& target,
                            const SoftmaxCrossEntropyOptions& options, SourceLine line) {
  const std::optional<std::int64_t>& ignored = options.ignored_index;
  const Var& weights = options.class_weights;
  // Checked before anything reads the logits: a kernel between the ops on them would split their pass in two.
  const Var labels =
      reshape(internal::checked_labels(target, rows.classes, ignored, line), {rows.outer * rows.inner, 1});
  const RowTerms terms(rows.of(logits));
  const Var numbers = cast(labels, logits.dtype());
  const Var is_label = numbers == column_index(rows.classes);
  Var losses, counts;  // counts: the weight of each row in the mean; empty: 1
  if (options.label_smoothing == 0) {
    losses = terms.of_label(is_label, line);
    if (!weights.empty()) counts = sum(where(is_label, weights, 0), 1, true);
    if (!weights.empty()) losses = weighted(counts, losses);
  } else {
    const double share = smoothing_share(options, rows);
    const Var others = cast(share, logits.dtype()), own = cast(1 - options.label_smoothing + share, logits.dtype());
    const Var distribution = where(is_label, own, others);
    losses = terms.of_distribution(weights.empty() ? distribution : distribution * weights, line);
    if (!weights.empty()) counts = sum(where(is_label, weights, 0), 1, true);
  }
  if (ignored) {
    const Var counted = numbers != *ignored;
    losses = where(counted, losses, 0);
    counts = counts.empty() ? cast(counted, logits.dtype()) : where(counted, counts, 0);
  }
  if (options.reduction == Reduction::mean && !counts.empty()) return sum(losses) / sum(counts);
  return reduce_rows(losses, rows.items, options.reduction);
}

Var cross_entropy_of(const Var& logits, const Var& target, const SoftmaxCrossEntropyOptions& options, SourceLine line) {
  const Rows rows(cross_entropy, logits.shape(), options.axis, line);
  const bool by_label = target.dtype() == DType::i64;
  check_targets(rows, logits, target, by_label, options, line);
  if (by_label) return cross_entropy_of_labels(rows, logits, target, options, line);
  Var distribution = rows.of(target);
  if (options.label_smoothing != 0)
    distribution = distribution * (1 - options.label_smoothing) + smoothing_share(options, rows);
  if (!options.class_weights.empty()) distribution = distribution * options.class_weights;
  const Var losses = RowTerms(rows.of(logits)).of_distribution(distribution, line);
  return reduce_rows(losses, rows.items, options.reduction);
}

/// The options of a loss without data other than its inputs.
struct RowOptions {
  std::int32_t axis;
  std::int16_t reduction, logarithmic_target = 0;

  RowOptions(int along, Reduction by, bool logarithmic = false)
      : axis(along), reduction(static_cast<std::int16_t>(by)), logarithmic_target(logarithmic) {}
  RowOptions() : RowOptions(-1, Reduction::mean) {}
};

const Composition cross_entropy_composition{
    .name = cross_entropy, .build = [](std::span<const Var> inputs, std::uint64_t attribute, SourceLine line) {
      const auto options = options_of<RowOptions>(attribute);
      return cross_entropy_of(inputs[0], inputs[1],
                              {.axis = options.axis, .reduction = static_cast<Reduction>(options.reduction)}, line);
    }};

Var divergence(std::span<const Var> inputs, std::uint64_t attribute, SourceLine line) {
  constexpr const char* op = "kl_divergence";
  const auto options = options_of<RowOptions>(attribute);
  const Var &q = inputs[0], t = checked_target(op, q, inputs[1], line);
  const Rows rows(op, q.shape(), options.axis, line);
  Var terms;
  if (options.logarithmic_target != 0) {
    terms = weighted(exp(t), t - q);
  } else {
    const Var present = where(t == literal(0), literal(1), t);
    terms = where(t == literal(0), literal(0), weighted(present, log(present) - q));
  }
  return reduce_rows(sum(terms, rows.axis, true), rows.items, static_cast<Reduction>(options.reduction));
}
const Composition divergence_composition{.name = "kl_divergence", .build = divergence};

}  // namespace

Var softmax_cross_entropy(const Operand& logits, const Operand& targets, const SoftmaxCrossEntropyOptions& options) {
  const bool is_plain = options.label_smoothing == 0 && options.class_weights.empty() && !options.ignored_index;
  if (is_plain)
    return record(cross_entropy_composition, logits, targets,
                  attribute_of(RowOptions(options.axis, options.reduction)));
  const SourceLine line = logits.line();
  const OpScope scope(cross_entropy, line);
  const Var scores = as_var(logits, cross_entropy), target = as_var(targets, cross_entropy);
  return cross_entropy_of(scores, target, options, line);
}

Var kl_divergence(const Operand& log_prediction, const Operand& target, const DivergenceOptions& options) {
  return record(divergence_composition, log_prediction, target,
                attribute_of(RowOptions(options.axis, options.reduction, options.logarithmic_target)));
}

Var cosine_similarity(const Operand& a, const Operand& b, const CosineSimilarityOptions& options) {
  constexpr const char* op = "cosine_similarity";
  const SourceLine line = a.line();
  const OpScope scope(op, line);
  const Var x = as_var(a, "cosine_similarity"), y = as_var(b, "cosine_similarity");
  check_dtypes(op, x, y, line);
  if (!(x.shape() == y.shape()))
    fail<ShapeError>(op, fmt::format("shapes differ: lhs {}, rhs {}", to_string(x.shape()), to_string(y.shape())),
                     line);
  check_epsilon(op, options.epsilon, x.dtype(), line);
  const Rows rows(op, x.shape(), options.axis, line);
  const auto direction = [&](const Var& v) {
    return v / maximum(norm(v, {.axes = rows.axis, .keep_dimensions = true}), options.epsilon);
  };
  return reduce_rows(sum(direction(x) * direction(y), rows.axis, true), rows.items, options.reduction);
}

// --- penalties ---

namespace {

template <class Term>
Var penalty(const char* op, std::span<const Parameter> parameters, double lambda, double factor, SourceLine line,
            Term&& term) {
  const OpScope scope(op, line);
  if (!(lambda >= 0) || std::isinf(lambda))
    fail<ValueError>(op, fmt::format("lambda is {}; it must be 0 or more, and finite", lambda), line);
  if (parameters.empty()) fail<ValueError>(op, "there are no parameters", line);
  Var total;
  for (const Parameter& parameter : parameters) {
    const Var part = sum(term(parameter));
    total = total.empty() ? part : total + part;
  }
  return weighted(lambda * factor, total);
}

}  // namespace

Var l2_penalty(std::span<const Parameter> parameters, double lambda, SourceLine line) {
  return penalty("l2_penalty", parameters, lambda, 0.5, line,
                 [](const Parameter& parameter) { return square(parameter); });
}
Var l2_penalty(std::initializer_list<Parameter> parameters, double lambda, SourceLine line) {
  return l2_penalty(std::span<const Parameter>(parameters.begin(), parameters.size()), lambda, line);
}

Var l1_penalty(std::span<const Parameter> parameters, double lambda, SourceLine line) {
  return penalty("l1_penalty", parameters, lambda, 1, line, [](const Parameter& parameter) { return abs(parameter); });
}
Var l1_penalty(std::initializer_list<Parameter> parameters, double lambda, SourceLine line) {
  return l1_penalty(std::span<const Parameter>(parameters.begin(), parameters.size()), lambda, line);
}

}  // namespace thalweg
