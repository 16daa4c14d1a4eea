// What plans do, by their own account and by the executor's counters.
#include <functional>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// A summary beside what the executor counted while the tape ran.
void check_counted(const Tape& tape, const Since& since, const Statistics& before) {
  const PlanSummary summary = plan_summary(tape);
  CHECK(summary.matmuls == since.matmuls());
  CHECK(summary.other_passes == since.sweeps() + since.others());
  CHECK(summary.bytes_moved == statistics().bytes_moved - before.bytes_moved);
}

}  // namespace

TEST_CASE("explain_plan: an Adam step of 784-100×4-10 is 14 matmuls and at most 12 other passes") {
  Network network({784, 100, 100, 100, 100, 10}, false);
  Adam optimizer(network.registry);
  Random random;
  const Tensor images = noise({128, 784}, 1), labels = some_labels(128, 10, 2);
  for (int step = 0; step < 3; ++step) {
    Tape tape;
    const Statistics before = statistics();
    const Since since;
    const Var loss = softmax_cross_entropy(network.logits(images, 0, random), labels);
    backward(loss);
    optimizer.step();
    loss.item();
    INFO(explain_plan(tape));
    const PlanSummary summary = plan_summary(tape);
    CHECK(summary.matmuls == 14);
    CHECK(summary.other_passes <= 12);
    CHECK(static_cast<double>(summary.bytes_moved) <= 1.3 * static_cast<double>(summary.pass_bytes));
    check_counted(tape, since, before);
  }
}

TEST_CASE("explain_plan: batch normalization reads its input once where the batch fits the cache") {
  Tape tape({.phase = Phase::training});
  const Var y = batch_norm(noise({128, 100}, 1), Tensor::ones({100}), Tensor::zeros({100}));
  y.value();
  INFO(explain_plan(tape));
  const PlanSummary summary = plan_summary(tape);
  CHECK(summary.matmuls == 0);
  CHECK(summary.other_passes == 1);
  const std::int64_t batch = 128 * 100 * 4;
  CHECK(summary.bytes_moved <= 2 * batch + 10 * 100 * 4);  // read once, written once; and rows
  CHECK(static_cast<double>(summary.bytes_moved) <= 1.3 * static_cast<double>(summary.input_output_bytes));
}

TEST_CASE(
    "explain_plan: batch normalization forward and backward move little more than their groups' inputs and outputs") {
  Network network({64, 100, 100, 10}, true);
  Random random;
  for (int step = 0; step < 3; ++step) {
    Tape tape;
    const Var loss = softmax_cross_entropy(network.logits(noise({128, 64}, 1), 0.2, random), some_labels(128, 10, 2));
    backward(loss);
    INFO(explain_plan(tape));
    const PlanSummary summary = plan_summary(tape);
    CHECK(summary.matmuls == 8);
    CHECK(static_cast<double>(summary.bytes_moved) <= 1.3 * static_cast<double>(summary.pass_bytes));
  }
}

TEST_CASE("explain_plan: a chain of elementwise ops and the reduction that ends it are one pass") {
  Tape tape;
  const Var x = noise({50, 30}, 1);
  const Var loss = mean(square(tanh(x * 2 + 1) - Tensor::ones({30})));
  loss.item();
  INFO(explain_plan(tape));
  const PlanSummary summary = plan_summary(tape);
  CHECK(summary.other_passes == 1);
  CHECK(summary.bytes_moved <= 50 * 30 * 4 + 30 * 4 + 64);
}

TEST_CASE("explain_plan: says what is fused into what, with the user's lines, scopes and bytes") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", ones({4, 3})), bias = registry.add("bias", zeros({3}));
  Tape tape;
  const Scope scope("affine1");
  const std::string line = at(__LINE__ - 1);
  const Var y = relu(matmul(Tensor::ones({2, 4}), weight) + bias);
  y.value();
  const std::string asked = at(__LINE__ - 1), text = explain_plan(tape);
  CHECK_THAT(text, Catch::StartsWith("value" + asked));
  CHECK_THAT(text, Catch::Contains("1. matmul (2, 4) · (4, 3): matmul, add, relu" + line + " (affine1)"));
  CHECK_THAT(text, Catch::Contains("reads 92 bytes, writes 24"));
  CHECK_THAT(text, Catch::Contains("1 matmuls, 0 other passes"));
}

TEST_CASE("explain_plan: an eager tape has no plans") {
  Tape tape({.engine = Engine::eager});
  (Var(Tensor{1., 2.}) + 1).value();
  CHECK_THAT(explain_plan(tape), Catch::StartsWith("eager"));
  CHECK(plan_summary(tape).other_passes == 0);
}

namespace {

/// The passes over memory that `loss` of `x` and its gradient take.
PlanSummary passes_of(const Tensor& x, const std::function<Var(const Var&)>& loss, std::string& text) {
  const Tape tape;
  const Var input = x;
  gradients(loss(input), {input})[0].value();
  text = explain_plan(tape);
  return plan_summary(tape);
}

}  // namespace

TEST_CASE("explain_plan: softmax cross entropy and its gradient are one pass over the logits") {
  const Tensor logits = noise({128, 10}, 1), labels = some_labels(128, 10, 2), weights = noise({10}, 3),
               targets = noise({128, 10}, 4);
  std::string text;
  struct Row {
    const char* name;
    std::function<Var(const Var&)> loss;
    std::int64_t passes;  // of them one over the logits; the others are over labels or rows
  };
  const Row rows[] = {
      {"labels", [&](const Var& x) { return softmax_cross_entropy(x, labels); }, 2},
      {"smoothed", [&](const Var& x) { return softmax_cross_entropy(x, labels, {.label_smoothing = 0.1}); }, 2},
      {"weighted", [&](const Var& x) { return softmax_cross_entropy(x, labels, {.class_weights = weights}); }, 4},
      {"probabilities", [&](const Var& x) { return softmax_cross_entropy(x, targets); }, 1},
      {"binary", [&](const Var& x) { return binary_cross_entropy_with_logits(x, targets); }, 1},
      {"huber", [&](const Var& x) { return huber(x, targets); }, 1},
      {"divergence", [&](const Var& x) { return kl_divergence(x, targets); }, 1},
  };
  for (const Row& row : rows) {
    const PlanSummary summary = passes_of(logits, row.loss, text);
    INFO(row.name << "\n" << text);
    CHECK(summary.other_passes <= row.passes);
  }
}

TEST_CASE(
    "explain_plan: an operand that is stretched on both sides is read in batches, or copied out to its rows alone") {
  for (const std::int64_t channels : {16, 5}) {  // batches of 784 numbers, and of 245
    const Tape tape;
    const Shape per_channel{channels, 1, 1};
    (Var(noise({8, channels, 7, 7}, 1)) * noise(per_channel, 2) + noise(per_channel, 3)).value();
    INFO(explain_plan(tape));
    const PlanSummary summary = plan_summary(tape);
    CHECK(summary.other_passes == (channels == 16 ? 1 : 3));
    CHECK(summary.bytes_moved <= 2 * 8 * channels * 49 * 4 + 6 * 8 * channels * 4);
  }
}

TEST_CASE("explain_plan: why a pass is apart, and what holds memory") {
  Tape tape;
  const Var x = noise({64, 32}, 1);
  const Var hidden = tanh(matmul(x, noise({32, 16}, 2)) * 3);
  const Var scale = sum(square(hidden));
  sum(hidden / scale, 1).value();
  const std::string text = explain_plan(tape);
  INFO(text);
  CHECK_THAT(text, Catch::Contains("apart: reads all of a product (pass 1)"));
  // The product, 64 × 16 numbers of 4 bytes, and whatever else the passes after it need.
  CHECK_THAT(text, Catch::Contains("bytes are held at once, in pass") && Catch::Contains(" 4096 made by pass 1"));
}
