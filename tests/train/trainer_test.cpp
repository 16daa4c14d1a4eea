#include <catch2/catch.hpp>

#include <cmath>
#include <csignal>
#include <limits>

#include <thalweg/thalweg.hpp>

namespace tw = thalweg;

namespace {

/// Two classes of 40 samples, which the first of two pixels tells apart.
tw::Dataset two_classes() {
  std::vector<std::uint8_t> images, labels;
  for (int i = 0; i < 40; ++i) {
    const auto label = static_cast<std::uint8_t>(i % 2);
    images.insert(images.end(), {static_cast<std::uint8_t>(label * 200 + i), static_cast<std::uint8_t>(7 * i % 256)});
    labels.push_back(label);
  }
  return tw::Dataset(images, labels, 2);
}

struct Model {
  tw::ParameterRegistry registry{{.seed = 1}};
  tw::Affine affine{registry, "affine1", tw::he_normal({2, 2})};
  tw::SGD optimizer{registry, {.learning_rate = 0.5}};

  tw::Var operator()(const tw::Operand& x) const { return affine(x); }
  tw::Trainer trainer(tw::TrainerOptions options) {
    return tw::Trainer(
        registry, optimizer,
        [this](const tw::Batch& batch) { return tw::softmax_cross_entropy(affine(batch.images), batch.labels); },
        std::move(options));
  }
};

}  // namespace

TEST_CASE("Trainer: learns, and measures at the end of each epoch") {
  const tw::Dataset samples = two_classes();
  const tw::Batch all = samples.all();
  Model model;
  tw::Random random(0);
  tw::Trainer trainer = model.trainer({.epochs = 30, .batch_size = 15, .random = random});
  trainer.measure("train", [&] { return tw::accuracy(model, all); });
  const tw::History history = trainer.fit(samples);
  CHECK(history.losses.size() == 90);
  CHECK(trainer.step_count(samples.size()) == 90);
  CHECK(history["train"].size() == 30);
  CHECK(history["train"].back() == 1);
  CHECK(history.losses.back() < history.losses.front());
  CHECK(history.end == tw::History::End::all_epochs);
  CHECK_THROWS_WITH(history["test"], "[History] there is no metric \"test\"; there are: train");
}

TEST_CASE("Trainer: is the loop written out, bit for bit") {
  const tw::Dataset samples = two_classes();
  Model by_trainer, by_hand;
  tw::Random random(5), same(5);
  by_trainer.trainer({.epochs = 3, .batch_size = 8, .random = random}).fit(samples);
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (const auto& [images, labels] : tw::batches(samples, {.size = 8, .random = same})) {
      const tw::Tape tape;
      tw::backward(tw::softmax_cross_entropy(by_hand(images), labels));
      by_hand.optimizer.step();
    }
  }
  CHECK(tw::identical(by_trainer.affine.weight().value(), by_hand.affine.weight().value()));
}

TEST_CASE("Trainer: the book measures after the first step of each epoch, and ends with that") {
  const tw::Dataset samples = two_classes();
  Model model;
  tw::Random random(0);
  std::vector<std::int64_t> measured_at;
  std::int64_t steps = 0;
  tw::Trainer trainer = model.trainer({.epochs = 4,
                                       .batch_size = 15,  // 2 steps: with replacement only whole batches count
                                       .random = random,
                                       .replacement = true,
                                       .evaluation = tw::Evaluation::first_step});
  trainer.on_step([&](std::int64_t step, double) {
    steps = step;
    return tw::Flow::go_on;
  });
  trainer.measure("steps", [&] {
    measured_at.push_back(steps);
    return 0;
  });
  CHECK(trainer.fit(samples).losses.size() == 7);
  CHECK(trainer.step_count(samples.size()) == 7);
  CHECK(measured_at == std::vector<std::int64_t>{0 + 1, 2 + 1, 4 + 1, 6 + 1});
}

TEST_CASE("Trainer: evaluates every few epochs, the first and the last among them") {
  const tw::Dataset samples = two_classes();
  for (const auto evaluation : {tw::Evaluation::end_of_epoch, tw::Evaluation::first_step}) {
    Model every, some;
    tw::TrainerOptions options{.epochs = 6, .batch_size = 15, .seed = 2, .evaluation = evaluation};
    tw::Trainer all = every.trainer(options);
    options.evaluate_every = 4;
    tw::Trainer few = some.trainer(options);
    all.measure_accuracy(every, {{"train", samples.all()}});
    few.measure_accuracy(some, {{"train", samples.all()}});
    const tw::History history = all.fit(samples), part = few.fit(samples);
    CHECK(history.epochs == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});
    CHECK(part.epochs == std::vector<std::int64_t>{0, 4, 5});
    for (const std::int64_t epoch : part.epochs) CHECK(part.at("train", epoch) == history.at("train", epoch));
    CHECK(part.losses == history.losses);  // measuring changes nothing
    CHECK_THROWS_WITH(part.at("train", 3), "[History] epoch 3 was not evaluated");
    CHECK_THROWS_AS(part.at("test", 4), tw::ValueError);
  }
}

TEST_CASE("Trainer: an epoch of so many steps, and the losses after them") {
  const tw::Dataset samples = two_classes();
  Model before, after;
  tw::TrainerOptions options{.batch_size = 8, .seed = 3, .replacement = true, .steps_per_epoch = 50};
  tw::Trainer trainer = before.trainer(options);
  CHECK(trainer.step_count(samples.size()) == 50);
  const tw::History history = trainer.fit(samples);
  options.loss_after_step = true;
  const tw::History later = after.trainer(options).fit(samples);
  CHECK(tw::identical(before.affine.weight().value(), after.affine.weight().value()));
  CHECK(history.step_seconds > 0);
  REQUIRE(later.losses.size() == 50);

  Model by_hand;
  tw::Random random(3);
  std::size_t i = 0;
  for (const auto& [images, labels] :
       tw::batches(samples, {.size = 8, .random = random, .replacement = true, .count = 50})) {
    const auto loss = [&] { return tw::softmax_cross_entropy(by_hand(images), labels); };
    CHECK(history.losses[i] == tw::compute(loss).item());
    {
      const tw::Tape tape;
      tw::backward(loss());
      by_hand.optimizer.step();
    }
    CHECK(later.losses[i++] == tw::compute(loss).item());
  }
  options = {.batch_size = 8, .steps_per_epoch = 6};  // 40 samples are 5 batches
  CHECK_THROWS_AS(before.trainer(options).fit(samples), tw::ValueError);
}

TEST_CASE("Trainer: of a model that has parameters and a loss; a seed is a random of that seed") {
  struct Whole : Model {
    tw::Var loss(const tw::Batch& batch) const { return tw::softmax_cross_entropy(affine(batch.images), batch.labels); }
  };
  static_assert(tw::Trainable<Whole> && !tw::Trainable<Model>);
  const tw::Dataset samples = two_classes();
  Whole whole;
  Model parts;
  tw::Random random(4);
  tw::Trainer(whole, whole.optimizer, {.epochs = 3, .batch_size = 7, .seed = 4}).fit(samples);
  parts.trainer({.epochs = 3, .batch_size = 7, .random = random}).fit(samples);
  CHECK(tw::identical(whole.affine.weight().value(), parts.affine.weight().value()));
}

TEST_CASE("Trainer: early stopping goes back to the best epoch") {
  const tw::Dataset samples = two_classes();
  Model model;
  const std::vector<double> scores = {0.1, 0.5, 0.7, 0.6, 0.7, 0.65, 0.9};
  std::vector<tw::Tensor> weights;
  tw::Trainer trainer = model.trainer(
      {.epochs = 7, .batch_size = 40, .early_stopping = tw::EarlyStopping{.metric = "score", .patience = 3}});
  trainer.measure("score", [&] {
    weights.push_back(model.affine.weight().value());
    return scores[weights.size() - 1];
  });
  const tw::History history = trainer.fit(samples);
  CHECK(history.end == tw::History::End::early_stopping);
  CHECK(history.best_epoch == 2);
  CHECK(history["score"].size() == 6);
  CHECK(tw::identical(model.affine.weight().value(), weights[2]));
  CHECK_FALSE(tw::identical(weights[2], weights[5]));
}

TEST_CASE("Trainer: early stopping on a loss, with a least improvement; a metric that is not measured") {
  const tw::Dataset samples = two_classes();
  Model model;
  double loss = 1;
  tw::Trainer trainer = model.trainer(
      {.epochs = 50,
       .batch_size = 40,
       .early_stopping = tw::EarlyStopping{
           .metric = "loss", .patience = 2, .least_improvement = 0.2, .is_maximized = false, .restores_best = false}});
  CHECK_THROWS_WITH(trainer.fit(samples),
                    Catch::StartsWith("[fit] early_stopping.metric is \"loss\", which is not measured; there are none "
                                      "(see measure) at trainer_test.cpp:"));
  CHECK(model.optimizer.step_count() == 0);
  trainer.measure("loss", [&] { return loss -= 0.15; });
  const tw::History history =
      trainer.fit(samples);  // .85, .7 (no better), .55 (better than .85 by .3), .4, .25: better
  CHECK(history.end == tw::History::End::all_epochs);
  CHECK(history.best_epoch == 48);
}

TEST_CASE("Trainer: callbacks end it") {
  const tw::Dataset samples = two_classes();
  Model model;
  tw::Trainer by_step = model.trainer({.epochs = 5, .batch_size = 10});
  by_step.on_step([](std::int64_t step, double) { return step == 6 ? tw::Flow::stop : tw::Flow::go_on; });
  CHECK(by_step.fit(samples).losses.size() == 6);
  tw::Trainer by_epoch = model.trainer({.epochs = 5, .batch_size = 10});
  by_epoch.on_epoch(
      [](std::int64_t epoch, const tw::History&) { return epoch == 1 ? tw::Flow::stop : tw::Flow::go_on; });
  const tw::History history = by_epoch.fit(samples);
  CHECK(history.losses.size() == 8);
  CHECK(history.end == tw::History::End::callback);
}

TEST_CASE("Trainer: an interrupt ends it after the step under way") {
  const tw::Dataset samples = two_classes();
  Model model;
  tw::Trainer trainer = model.trainer({.epochs = 5, .batch_size = 10});
  trainer.on_step([](std::int64_t step, double) {
    if (step == 3) std::raise(SIGINT);
    return tw::Flow::go_on;
  });
  {
    const tw::Interrupt interrupt;
    const tw::History history = trainer.fit(samples);
    CHECK(history.losses.size() == 3);
    CHECK(history.end == tw::History::End::interrupt);
  }
  CHECK_FALSE(tw::Interrupt::asked());
}

TEST_CASE("Trainer: settings without meaning") {
  Model model;
  CHECK_THROWS_WITH(model.trainer({.epochs = 0}), Catch::StartsWith("[Trainer] epochs must be at least 1, got 0"));
  CHECK_THROWS_AS(model.trainer({.batch_size = 0}), tw::ValueError);
  CHECK_THROWS_AS(model.trainer({.steps_per_epoch = 0}), tw::ValueError);
  CHECK_THROWS_AS(model.trainer({.evaluate_every = 0}), tw::ValueError);
  tw::Random random(1);
  CHECK_THROWS_WITH(model.trainer({.random = random, .seed = 1}), Catch::Contains("not from both"));
  CHECK_THROWS_AS(model.trainer({.early_stopping = tw::EarlyStopping{.metric = "m", .patience = 0}}), tw::ValueError);
  CHECK_THROWS_AS(model.trainer({.replacement = true}).fit(two_classes()), tw::ValueError);
}

TEST_CASE("Trainer: says where the first NaN arose, and goes on") {
  const tw::Dataset samples = two_classes();
  Model model;
  unsigned line = 0;
  tw::Trainer trainer(model.registry, model.optimizer,
                      [&](const tw::Batch& batch) {
                        tw::Var logits = model.affine(batch.images);
                        line = __LINE__ + 1;
                        tw::Var root = tw::sqrt(logits - 1e6);
                        return tw::mean(root);
                      },
                      {.epochs = 2, .batch_size = 20, .detect_anomaly = true});
  const tw::History history = trainer.fit(samples);
  CHECK(history.losses.size() == 4);
  CHECK(std::isnan(history.losses.back()));
  CHECK_THAT(history.anomaly, Catch::StartsWith("step 1: ") && Catch::Contains("sqrt") && Catch::Contains("NaN") &&
                                  Catch::Contains("trainer_test.cpp:" + std::to_string(line)));
  CHECK(model.trainer({.epochs = 1, .detect_anomaly = true}).fit(samples).anomaly.starts_with("step 1: "));
}

TEST_CASE("Trainer: looking for anomalies changes nothing where there is none") {
  const tw::Dataset samples = two_classes();
  Model looking, plain;
  CHECK(looking.trainer({.epochs = 3, .batch_size = 8, .detect_anomaly = true}).fit(samples).anomaly.empty());
  plain.trainer({.epochs = 3, .batch_size = 8}).fit(samples);
  CHECK(tw::identical(looking.affine.weight().value(), plain.affine.weight().value()));
}

TEST_CASE("accuracy: of a model, in parts, is that of all its logits") {
  std::vector<std::uint8_t> images, labels;
  for (int i = 0; i < 2500; ++i) {
    images.insert(images.end(), {static_cast<std::uint8_t>(i * 37 % 256), static_cast<std::uint8_t>(i * 101 % 256)});
    labels.push_back(static_cast<std::uint8_t>(i * 7 % 2));
  }
  const tw::Batch all = tw::Dataset(images, labels, 2).all();
  Model model;
  const double whole = tw::accuracy(tw::compute([&] { return model(all.images); }), all.labels);
  CHECK(tw::accuracy(model, all) == whole);
  CHECK((whole > 0 && whole < 1));
  CHECK(std::isnan(tw::accuracy(model, tw::Batch{tw::Tensor::zeros({0, 2}), tw::Tensor::zeros({0}, tw::i64)})));
}
