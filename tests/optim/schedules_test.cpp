#include <thalweg/optim/schedules.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/registry/thrown.hpp"

using namespace thalweg;
using test::thrown;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

void check_rates(const Schedule& schedule, const std::vector<double>& expected) {
  for (std::size_t n = 0; n < expected.size(); ++n) {
    CAPTURE(n);
    CHECK(schedule(static_cast<std::int64_t>(n)) == Approx(expected[n]).epsilon(1e-12).margin(1e-15));
  }
}

}  // namespace

TEST_CASE("edge case 51: step and cosine schedules; past its end a schedule stays at its end value", "[optim]") {
  const Schedule step = schedules::step(1, {.size = 30, .factor = 0.1});
  CHECK(step(29) == 1);
  CHECK(step(30) == Approx(0.1).epsilon(1e-15));
  CHECK(step(60) == Approx(0.01).epsilon(1e-15));
  const Schedule cosine = schedules::cosine({.from = 0.5, .to = 0, .steps = 5});
  check_rates(cosine, {0.5, 0.45225424859373686, 0.3272542485937369, 0.17274575140626316, 0.04774575140626316, 0});
  for (const std::int64_t n : {6, 7, 1000}) CHECK(cosine(n) == 0);
  const Schedule line = schedules::polynomial({.from = 1, .to = 0.2, .steps = 4});
  for (const std::int64_t n : {4, 5, 1000}) CHECK(line(n) == 0.2);
  const Schedule cycle = schedules::one_cycle({.max_rate = 1, .steps = 10});
  CHECK(cycle(10) == cycle(9));
  CHECK(cycle(1000) == cycle(9));
}

TEST_CASE("schedules: rates by their formulas", "[optim]") {
  check_rates(0.3, {0.3, 0.3, 0.3});
  check_rates([](std::int64_t n) { return 1 / (1. + static_cast<double>(n)); }, {1, 1 / 2., 1 / 3.});
  check_rates(schedules::multi_step(1, {.milestones = {2, 3}, .factor = 0.5}), {1, 1, 0.5, 0.25, 0.25});
  check_rates(schedules::multi_step(1, {}), {1, 1});
  check_rates(schedules::exponential(2, 0.5), {2, 1, 0.5, 0.25});
  check_rates(schedules::polynomial({.from = 1, .to = 0, .steps = 4, .power = 2}), {1, 0.5625, 0.25, 0.0625, 0, 0});
  check_rates(schedules::polynomial({.from = 0, .to = 1, .steps = 2}), {0, 0.5, 1, 1});
}

TEST_CASE("schedules: cosine with warm restarts", "[optim]") {
  check_rates(schedules::cosine({.from = 1, .to = 0, .steps = 2, .restarts = true}), {1, 0.5, 1, 0.5, 1});
  // Periods of 2, 4 and 8 steps.
  const Schedule growing = schedules::cosine({.from = 1, .to = 0, .steps = 2, .restarts = true, .period_factor = 2});
  check_rates(growing, {1, 0.5, 1, 0.5 + std::sqrt(0.125), 0.5, 0.5 - std::sqrt(0.125), 1});
  CHECK(growing(14) == 1);
  CHECK(growing(13) < 0.05);
}

TEST_CASE("schedules: warm-up and sequence", "[optim]") {
  check_rates(schedules::warm_up({.steps = 4}, 0.8), {0, 0.2, 0.4, 0.6, 0.8, 0.8});
  check_rates(schedules::warm_up({.steps = 2, .from = 0.5}, schedules::exponential(1, 0.5)), {0.5, 0.375, 0.25, 0.125});
  check_rates(schedules::sequence({{schedules::exponential(1, 0.5), 2}, {0.1, 1}, {schedules::exponential(4, 0.5)}}),
              {1, 0.5, 0.1, 4, 2, 1});
}

TEST_CASE("schedules: one cycle is PyTorch's", "[optim]") {
  // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10) of PyTorch, in double precision.
  check_rates(schedules::one_cycle({.max_rate = 1, .steps = 10}),
              {0.04, 0.52, 1, 0.9504846320134737, 0.8117456539497631, 0.6112620219362893, 0.38874197806371075,
               0.18825834605023697, 0.049519367986526286, 4e-06});
}

TEST_CASE("ReduceOnPlateau: the rate falls when what is observed no longer improves", "[optim]") {
  ReduceOnPlateau plateau(1, {.factor = 0.5, .patience = 1, .threshold = 0.1, .min_rate = 0.2});
  const Schedule schedule = plateau.schedule();
  std::vector<double> rates;
  for (const double loss : {1., 0.95, 0.85, 0.84, 0.83, not_a_number, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}) {
    plateau.observe(loss);
    rates.push_back(schedule(0));
  }
  // 0.95 is no progress on 1, 0.85 is; then two without any halve the rate, and so on, to the least rate.
  CHECK(rates == std::vector<double>{1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2});
  CHECK(plateau.rate() == 0.2);

  ReduceOnPlateau other(1, {.factor = 0.5, .patience = 1, .threshold = 0.1, .min_rate = 0.2});
  other.set_state(plateau.state());
  CHECK(other.schedule()(7) == 0.2);
  CHECK(other.state().best == 0.5);

  ReduceOnPlateau patient(1, {.factor = 0.5, .patience = 0, .cooldown = 2, .maximize = true});
  rates.clear();
  for (const double accuracy : {0.5, 0.4, 0.4, 0.4, 0.4, 0.6}) {
    patient.observe(accuracy);
    rates.push_back(patient.rate());
  }
  CHECK(rates == std::vector<double>{1, 0.5, 0.5, 0.5, 0.25, 0.25});
}

TEST_CASE("schedules: settings without meaning are rejected with name and value", "[optim]") {
  const SourceLine line{"main.cpp", 3};
  CHECK(thrown<ValueError>([&] { schedules::step(-1, {}, line); }) ==
        "[step] rate = -1: must be finite and at least 0 at main.cpp:3");
  CHECK(thrown<ValueError>([&] { schedules::step(1, {.size = 0}, line); }) ==
        "[step] size = 0: must be at least 1 at main.cpp:3");
  CHECK(thrown<ValueError>([&] { schedules::cosine({.period_factor = 0.5}, line); }) ==
        "[cosine] period_factor = 0.5: must be finite and at least 1 at main.cpp:3");
  CHECK_THROWS_AS(schedules::step(not_a_number), ValueError);
  CHECK_THROWS_AS(schedules::step(1, {.factor = 0}), ValueError);
  CHECK_THROWS_AS(schedules::multi_step(1, {.milestones = {3, 3}}), ValueError);
  CHECK_THROWS_AS(schedules::multi_step(1, {.milestones = {-1}}), ValueError);
  CHECK_THROWS_AS(schedules::exponential(1, -0.5), ValueError);
  CHECK_THROWS_AS(schedules::polynomial({.to = -1}), ValueError);
  CHECK_THROWS_AS(schedules::polynomial({.power = 0}), ValueError);
  CHECK_THROWS_AS(schedules::cosine({.steps = 0}), ValueError);
  CHECK_THROWS_AS(schedules::warm_up({.steps = 0}, 1), ValueError);
  CHECK_THROWS_AS(schedules::warm_up({.from = 1.5}, 1), ValueError);
  CHECK_THROWS_AS(schedules::one_cycle({.warm_fraction = 1}), ValueError);
  CHECK_THROWS_AS(schedules::one_cycle({.start_factor = 0}), ValueError);
  CHECK_THROWS_AS(schedules::sequence({}), ValueError);
  CHECK_THROWS_AS(schedules::sequence({{0.1, 0}, {0.1, 1}}), ValueError);
  CHECK_THROWS_AS(ReduceOnPlateau(-1), ValueError);
  CHECK_THROWS_AS(ReduceOnPlateau(1, {.factor = 1}), ValueError);
  CHECK_THROWS_AS(ReduceOnPlateau(1, {.patience = -1}), ValueError);
  CHECK_THROWS_AS(ReduceOnPlateau(1, {.threshold = not_a_number}), ValueError);
}
