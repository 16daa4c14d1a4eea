#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <thalweg/nn/initializers.hpp>
#include <thalweg/registry.hpp>

#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

/// A penalty of parameters that hold the inputs.
Var penalty(Var (*op)(std::span<const Parameter>, double, SourceLine), Inputs x, double lambda) {
  ParameterRegistry registry({.dtype = x.empty() ? DType::f64 : x[0].dtype()});
  std::vector<Parameter> parameters;
  for (const Var& input : x) {
    const Tensor values = input.value().to(DType::f64);
    const auto copy = [&](std::span<double> elements, std::uint64_t, std::uint32_t) {
      std::copy_n(values.data<double>().begin(), elements.size(), elements.begin());
    };
    parameters.push_back(registry.add(fmt::format("p{}", parameters.size()), Initializer{input.shape(), copy}));
  }
  return op(parameters, lambda, SourceLine::here());
}

/// What a penalty says to parameters, and to a lambda that has no meaning.
Row penalty_row(const char* name, Var (*op)(std::span<const Parameter>, double, SourceLine), const char* reference) {
  const std::string prefix = std::string("[") + name + "] ";
  const auto of_lambda = [op](double lambda) { return [op, lambda](Inputs x) { return penalty(op, x, lambda); }; };
  return {.op = name,
          .function = of_lambda(0.25),
          .only_f64 = true,  // a registry has one dtype
          .domains = {{}, {}},
          .shapes = {{{3, 4}, {5}}, {{}, {1}}, {{2, 3, 2}, {0, 3}}},
          .reference = reference,
          .accuracy = {4, 4},
          .mistakes = {{{scalar(1)},
                        typeid(ValueError),
                        prefix + "lambda is -1; it must be 0 or more, and finite",
                        of_lambda(-1)},
                       {{scalar(1)},
                        typeid(ValueError),
                        prefix + "lambda is nan; it must be 0 or more, and finite",
                        of_lambda(nan)},
                       {{}, typeid(ValueError), prefix + "there are no parameters", of_lambda(1)}},
          .differences = false};  // by parameters, not by the inputs: see loss_test.cpp
}

/// A loss of two arguments of one shape with default options: a reduction is told apart by its form.
Row pair_row(const char* name, const char* form, Function function, const std::string& reference) {
  return {.op = name,
          .form = form,
          .function = std::move(function),
          .domains = {{}, {}},
          .shapes = {{{3, 4}, {3, 4}}, {{5}, {5}}, {{}, {}}, {{1}, {1}}, {{2, 3, 2}, {2, 3, 2}}, {{0}, {0}}},
          .large = {{{600, 700}, {600, 700}}},
          .reference = reference,
          .accuracy = {4, 4},
          .mistakes = {{{doubles({{1.}, {2.}}), doubles({1., 2.})},
                        typeid(ShapeError),
                        std::string("[") + name + "] prediction (2, 1) and target (2,) differ in shape"}}};
}

std::vector<Row> element_rows() {
  const auto squares = [](Reduction r) {
    return [r](Inputs x) { return mean_squared_error(x[0], x[1], {.reduction = r}); };
  };
  const auto distances = [](Reduction r) {
    return [r](Inputs x) { return mean_absolute_error(x[0], x[1], {.reduction = r}); };
  };
  const auto huber_of = [](double delta) {
    return [delta](Inputs x) { return huber(x[0], x[1], {.delta = delta, .reduction = Reduction::none}); };
  };
  const auto hinge_of = [](double margin) {
    return [margin](Inputs x) { return hinge(x[0], x[1], {.margin = margin}); };
  };
  const auto binary_of = [](Inputs x) { return binary_cross_entropy_with_logits(x[0], x[1]); };
  const auto weighted = [](Inputs x) {
    return binary_cross_entropy_with_logits(x[0], x[1],
                                            {.weights = x[2], .positive_weight = x[3], .reduction = Reduction::none});
  };
  std::vector<Row> rows = {
      pair_row("mean_squared_error", "", squares(Reduction::mean), "reduce_over(mean, (x - y) * (x - y))"),
      pair_row("mean_squared_error", "summed", squares(Reduction::sum), "reduce_over(total, (x - y) * (x - y))"),
      pair_row("mean_squared_error", "of each", squares(Reduction::none), "(x - y) * (x - y)"),
      pair_row("mean_absolute_error", "", distances(Reduction::mean), "reduce_over(mean, abs(x - y))"),
      pair_row("mean_absolute_error", "of each", distances(Reduction::none), "abs(x - y)"),
      pair_row(
          "huber", "", [](Inputs x) { return huber(x[0], x[1]); }, "reduce_over(mean, of_each(huber, x - y))"),
      pair_row("huber", "of each", huber_of(0.625), "of_each(lambda r: huber(r, mp.mpf(5) / 8), x - y)"),
      pair_row("hinge", "", hinge_of(1), "reduce_over(mean, of_each(lambda p, t: larger(1 - t * p, mp.mpf(0)), x, y))"),
      pair_row("binary_cross_entropy_with_logits", "", binary_of,
               "reduce_over(mean, of_each(binary_cross_entropy, x, y))"),
      {.op = "binary_cross_entropy_with_logits",
       .form = "weighted",
       .function = weighted,
       .domains = {{-30, 30}, {0, 1}, {0.5, 2}, {0.5, 2}},
       .shapes = {{{3, 4}, {3, 4}, {3, 1}, {4}}, {{5}, {5}, {}, {1}}, {{2, 3, 2}, {2, 3, 2}, {2, 3, 2}, {3, 1}}},
       .reference = "z * of_each(binary_cross_entropy, x, y, w)",
       .accuracy = {4, 4}},
  };
  for (Row& row : rows)
    if (row.op == "binary_cross_entropy_with_logits" && row.form.empty()) row.domains = {{-30, 30}, {0, 1}};
  for (Row& row : rows) {
    if (row.op != "huber" || !row.form.empty()) continue;
    row.mistakes.push_back({{scalar(1), scalar(2)},
                            typeid(ValueError),
                            "[huber] delta is 0; it must be above 0, and finite",
                            huber_of(0)});
    row.mistakes.push_back({{scalar(1), scalar(2)},
                            typeid(ValueError),
                            "[huber] delta is inf; it must be above 0, and finite",
                            huber_of(inf)});
  }
  for (Row& row : rows)
    if (row.op == "hinge")
      row.mistakes.push_back(
          {{scalar(1), scalar(1)}, typeid(ValueError), "[hinge] margin is nan; it must be finite", hinge_of(nan)});
  return rows;
}

Function cross_entropy_of(double smoothing, std::optional<std::int64_t> ignored, int axis, Reduction reduction) {
  return [=](Inputs x) {
    const Var weights = x.size() > 2 ? x[2] : Var();
    return softmax_cross_entropy(x[0], x[1],
                                 {.axis = axis,
                                  .label_smoothing = smoothing,
                                  .class_weights = weights,
                                  .ignored_index = ignored,
                                  .reduction = reduction});
  };
}

std::vector<Row> cross_entropy_rows() {
  const Domain labels{.low = 0, .high = 2, .dtype = DType::i64}, probabilities{0.125, 1}, weights{0.5, 2};
  const Function plain = [](Inputs x) { return softmax_cross_entropy(x[0], x[1]); };
  const char* const op = "softmax_cross_entropy";
  return {
      {.op = op,
       .form = "of labels",
       .function = plain,
       .domains = {{-3, 3}, labels},
       .shapes = {{{3, 4}, {3}}, {{1, 3}, {1}}, {{5, 3}, {5}}, {{3}, {}}, {{2, 2, 3}, {2, 2}}},
       .large = {{{2000, 10}, {2000}}},
       .reference = "cross_entropy(x, y)",
       .accuracy = {4, 4},
       .examples = {{{doubles({{1e4, 0., -1e4}}), Tensor{2}}, scalar(20000), {doubles({{1., 0., -1.}})}},
                    {{doubles({{1e8, 1e8}}), Tensor{0}}, scalar(0.6931471805599453), {doubles({{-0.5, 0.5}})}},
                    {{doubles({{3.}}), Tensor{0}}, scalar(0), {doubles({{0.}})}},
                    {{Tensor::zeros({0, 3}, DType::f64), Tensor::zeros({0}, DType::i64)}, scalar(nan)}},
       .mistakes = {{{doubles({1., 2.}), Tensor{0}},
                     typeid(ShapeError),
                     "[softmax_cross_entropy] targets i64 (1,) do not belong to logits (2,) with classes along axis 0: "
                     "i64 labels () or probabilities (2,) are wanted"},
                    {{scalar(1), Tensor{0}},
                     typeid(IndexError),
                     "[softmax_cross_entropy] axis -1 is out of range for shape ()"},
                    {{doubles({{1., 2.}}), Tensor{2}},
                     typeid(IndexError),
                     "[softmax_cross_entropy] label 2 at place 0 is out of range for 2 classes"},
                    {{doubles({{1., 2.}}), Tensor{1}},
                     typeid(ValueError),
                     "[softmax_cross_entropy] label_smoothing is 1.5; it must be in [0, 1]",
                     cross_entropy_of(1.5, {}, -1, Reduction::mean)}}},
      {.op = op,
       .form = "of labels, smoothed, weighted and ignored",
       .function = cross_entropy_of(0.25, 1, -1, Reduction::mean),
       .domains = {{-3, 3}, labels, weights},
       .shapes = {{{3, 4}, {3}, {4}}, {{7, 3}, {7}, {3}}, {{2, 2, 3}, {2, 2}, {3}}},
       .reference = "cross_entropy(x, y, smoothing=0.25, weights=z, ignored=1)",
       .accuracy = {8, 8}},
      {.op = op,
       .form = "of labels, weighted, summed",
       .function = cross_entropy_of(0, {}, -1, Reduction::sum),
       .domains = {{-3, 3}, labels, weights},
       .shapes = {{{3, 4}, {3}, {4}}, {{7, 3}, {7}, {3}}, {{2, 2, 3}, {2, 2}, {3}}},
       .reference = "cross_entropy(x, y, weights=z, reduction='sum')",
       .accuracy = {4, 4}},
      {.op = op,
       .form = "of labels along axis 1, of each",
       .function = cross_entropy_of(0, 0, 1, Reduction::none),
       .domains = {{-3, 3}, labels},
       .shapes = {{{2, 4, 3}, {2, 3}}, {{3, 3}, {3}}, {{2, 3, 2, 2}, {2, 2, 2}}},
       .large = {{{4, 10, 3000}, {4, 3000}}},
       .reference = "cross_entropy(x, y, axis=1, ignored=0, reduction='none')",
       .accuracy = {8, 8}},
      {.op = op,
       .form = "of probabilities",
       .function = plain,
       .domains = {{-3, 3}, probabilities},
       .shapes = {{{3, 4}, {3, 4}}, {{1, 3}, {1, 3}}, {{5, 2}, {5, 2}}},
       .large = {{{2000, 10}, {2000, 10}}},
       .reference = "cross_entropy(x, y)",
       .accuracy = {4, 4},
       .examples = {{{doubles({{-inf, 0.}}), doubles({{0., 1.}})}, scalar(0), {doubles({{0., 0.}})}},
                    {{doubles({{1000., 0., -1000.}}), doubles({{0., 0.25, 0.75}})},
                     scalar(1750),
                     {doubles({{1., -0.25, -0.75}})}}},
       .mistakes = {{{doubles({{1., 2.}}), doubles({{0., 1.}})},
                     typeid(ValueError),
                     "[softmax_cross_entropy] ignored_index says which labels to ignore; the targets are probabilities",
                     cross_entropy_of(0, 1, -1, Reduction::mean)}}},
      {.op = op,
       .form = "of probabilities along axis 0, smoothed, weighted",
       .function = cross_entropy_of(0.25, {}, 0, Reduction::none),
       .domains = {{-3, 3}, probabilities, weights},
       .shapes = {{{3, 4}, {3, 4}, {3}}, {{2, 3}, {2, 3}, {2}}, {{4, 3, 2}, {4, 3, 2}, {4}}},
       .reference = "cross_entropy(x, y, axis=0, smoothing=0.25, weights=z, reduction='none')",
       .accuracy = {8, 8}},
  };
}

std::vector<Row> row_rows() {
  const std::vector<std::vector<Shape>> shapes = {
      {{3, 4}, {3, 4}}, {{5}, {5}}, {{1}, {1}}, {{2, 3, 2}, {2, 3, 2}}, {{2, 0}, {2, 0}}};
  const std::string axis_error = "] axis -1 is out of range for shape ()";
  return {
      {.op = "kl_divergence",
       .function = [](Inputs x) { return kl_divergence(x[0], x[1]); },
       .domains = {{-3, 0}, {0.125, 1}},
       .shapes = shapes,
       .large = {{{2000, 100}, {2000, 100}}},
       .reference = "reduce_over(mean, reduce_over(total, of_each(divergence, x, y), -1))",
       .accuracy = {4, 4, 4},
       .examples = {{{doubles({-inf, 0.}), doubles({0., 1.})}, scalar(0), {doubles({0., -1.}), doubles({0., 1.})}}},
       .mistakes = {{{scalar(1), scalar(1)}, typeid(IndexError), "[kl_divergence" + axis_error}}},
      {.op = "kl_divergence",
       .form = "of logarithms along axis 0, of each",
       .function =
           [](Inputs x) {
             return kl_divergence(x[0], x[1], {.axis = 0, .logarithmic_target = true, .reduction = Reduction::none});
           },
       .domains = {{-3, 0}, {-3, 0}},
       .shapes = {{{3, 4}, {3, 4}}, {{5}, {5}}, {{2, 3, 2}, {2, 3, 2}}},
       .reference =
           "reduce_over(total, of_each(lambda q, t: mp.exp(t) * (t - q) if t != -mp.inf else mp.mpf(0), x, y), 0)",
       .accuracy = {4, 4, 4}},
      {.op = "cosine_similarity",
       .function = [](Inputs x) { return cosine_similarity(x[0], x[1]); },
       .domains = {{}, {}},
       .shapes = {{{3, 4}, {3, 4}}, {{5}, {5}}, {{2, 3, 2}, {2, 3, 2}}},
       .large = {{{2000, 100}, {2000, 100}}},
       .reference = "cosine_similarity(x, y)",
       .accuracy = {4, 4, 4},
       .examples = {{{doubles({0., 0.}), doubles({3., 4.})}, scalar(0)},
                    {{doubles({3e19, 4e19}), doubles({-3e-5, -4e-5})}, scalar(-1)},
                    {{doubles({2.}), doubles({3.})}, scalar(1)},
                    {{Tensor::zeros({0, 2}, DType::f64), Tensor::zeros({0, 2}, DType::f64)},
                     Tensor::zeros({0}, DType::f64)}},
       .mistakes = {{{scalar(1), scalar(1)}, typeid(IndexError), "[cosine_similarity" + axis_error},
                    {{doubles({1.}), doubles({1.})},
                     typeid(ValueError),
                     "[cosine_similarity] epsilon is 0; it must be above 0, and finite",
                     [](Inputs x) { return cosine_similarity(x[0], x[1], {.epsilon = 0}); }}}},
      {.op = "cosine_similarity",
       .form = "along axis 0, averaged",
       .function = [](Inputs x) { return cosine_similarity(x[0], x[1], {.axis = 0, .reduction = Reduction::mean}); },
       .domains = {{}, {}},
       .shapes = {{{3, 4}, {3, 4}}, {{5, 1}, {5, 1}}, {{2, 3, 2}, {2, 3, 2}}},
       .reference = "reduce_over(mean, cosine_similarity(x, y, 0))",
       .accuracy = {4, 4, 4}},
  };
}

std::vector<Row> rows() {
  std::vector<Row> all = element_rows();
  for (const std::vector<Row>& more : {cross_entropy_rows(), row_rows()})
    all.insert(all.end(), more.begin(), more.end());
  all.push_back(penalty_row("l2_penalty", l2_penalty, "(reduce_over(total, x * x) + reduce_over(total, y * y)) / 8"));
  all.push_back(penalty_row("l1_penalty", l1_penalty, "(reduce_over(total, abs(x)) + reduce_over(total, abs(y))) / 4"));
  return all;
}

}  // namespace

Family loss_family() { return {"loss", rows()}; }

}  // namespace thalweg::op_table
