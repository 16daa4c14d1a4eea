// Compositions: ops made of others, which are built once and recorded as a whole from then on.
#include "tests/tape/helpers.hpp"

#include "src/run/matmul.hpp"
#include "src/tape/recorder.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

int built = 0;

/// Σ (a − b)², or the mean.
Var squared_distance(std::span<const Var> inputs, std::uint64_t mean, SourceLine) {
  ++built;
  const Var distance = sum(square(inputs[0] - inputs[1]));
  return mean != 0 ? distance / literal(static_cast<double>(inputs[0].size())) : distance;
}
const Composition distance_composition{.name = "distance", .build = squared_distance};

Var distance(const Operand& a, const Operand& b, bool mean = false) {
  return record(distance_composition, a, b, mean ? 1 : 0);
}

/// The counter since a reading.
class Built {
 public:
  operator int() const { return built - before_; }

 private:
  int before_ = built;
};

Tensor filled(double value) { return Tensor::full({3}, value, DType::f32); }

}  // namespace

TEST_CASE("Compositions: built once, whatever the data are") {
  const Built count;
  for (int step = 0; step < 4; ++step) {
    const Tape tape;
    const Var x = filled(step), y = filled(2. * step);
    CHECK(distance(x, y).item() == 3. * step * step);
    CHECK(distance(y, x, true).item() == 1. * step * step);
  }
  CHECK(count == 2);
}

TEST_CASE("Compositions: tensors, parameters and numbers may be their operands") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", filled(1));
  const Built count;
  for (int step = 0; step < 3; ++step) {
    const Tape tape;
    CHECK(distance(weight, filled(step)).item() == 3. * (1 - step) * (1 - step));
    CHECK(distance(filled(step), 5 + step).item() == 75.);
  }
  CHECK(count == 2);
}

TEST_CASE("Compositions: built again of other nodes, with another attribute, of other shapes") {
  const auto step = [](bool exchanged, bool mean, std::int64_t length) {
    const Tape tape;
    const Var x = noise({length}, 1), y = noise({length}, 2), z = exchanged ? x * y : y;
    const Tensor planned = (exchanged ? distance(z, x, mean) : distance(x, z, mean)).value();
    const Tape eager({.engine = Engine::eager});
    const Var a = noise({length}, 1), b = noise({length}, 2), c = exchanged ? a * b : b;
    CHECK(identical(planned, (exchanged ? distance(c, a, mean) : distance(a, c, mean)).value()));
  };
  for (int round = 0; round < 3; ++round)
    for (const bool exchanged : {false, true})
      for (const bool mean : {false, true})
        for (const std::int64_t length : {4, 5}) step(exchanged, mean, length);
}

TEST_CASE("Compositions: what follows may differ from step to step") {
  const Built count;
  for (int step = 0; step < 9; ++step) {
    const Tape tape;
    const Var x = filled(step), y = filled(1);
    const Var d = distance(x, y), e = distance(y, x, true);
    const double expected = 3. * (step - 1) * (step - 1);
    if (step % 3 == 0) CHECK((d + e).item() == Approx(expected * 4 / 3));
    if (step % 3 == 1) CHECK((d - 2 * e).item() == Approx(expected / 3));
    if (step % 3 == 2) CHECK((e * d).item() == Approx(expected * expected / 3));
  }
  CHECK(count == 2);
}

TEST_CASE("Compositions: numbers of their own are data, and make them be built each time") {
  static double factor = 0;
  static const Composition scaled{.name = "scaled", .build = [](std::span<const Var> x, std::uint64_t, SourceLine) {
                                    return ++built, x[0] * factor + filled(factor);
                                  }};
  const Built count;
  for (int step = 0; step < 4; ++step) {
    factor = step;
    const Tape tape;
    CHECK(sum(record(scaled, filled(2))).item() == 9. * step);
  }
  CHECK(count == 4);
}

TEST_CASE("Compositions: draws and requests of their own make them be built each time") {
  static Random* random = nullptr;
  Random own(3);
  random = &own;
  static const Composition noisy{.name = "noisy", .build = [](std::span<const Var> x, std::uint64_t, SourceLine) {
                                   return ++built, x[0] + uniform({3}, *random);
                                 }};
  static const Composition asking{.name = "asking", .build = [](std::span<const Var> x, std::uint64_t, SourceLine) {
                                    return ++built, sum(x[0]).item() > 4 ? x[0] * x[0] : -x[0];
                                  }};
  const Built count;
  std::vector<double> sums;
  for (int step = 0; step < 4; ++step) {
    const Tape tape;
    const Var x = filled(step);
    sums.push_back(sum(record(noisy, x) - x).item());
    CHECK(sum(record(asking, x)).item() == (step > 1 ? 3. * step * step : -3. * step));
  }
  CHECK(count == 8);
  CHECK(std::adjacent_find(sums.begin(), sums.end()) == sums.end());
}

namespace {

/// The rows of x that the labels choose, less their mean.
Var chosen(std::span<const Var> inputs, std::uint64_t, SourceLine line) {
  ++built;
  const Var rows = gather(Operand(inputs[0], line), inputs[1]);
  return rows - distance(rows, literal(0));
}
const Composition chosen_composition{.name = "chosen", .build = chosen};

}  // namespace

TEST_CASE("Compositions: errors, scopes and lines are those of the present call") {
  const Tensor x = noise({4}, 1);
  const auto choose_here = [&](const Tensor& indices) { return record(chosen_composition, Var(x), Var(indices)); };
  const auto choose_there = [&](const Tensor& indices) {
    const Scope scope("there", "there.cpp", 7);
    return record(chosen_composition, Operand(Var(x), "there.cpp", 8), Var(indices));
  };
  const Built count;
  for (int step = 0; step < 3; ++step) {
    const Tape tape;
    const Var result = step == 2 ? choose_there(Tensor{1, 2}) : choose_here(Tensor{1, 2});
    const internal::Recorder& recorder = tape.recorder();
    CHECK(recorder.scope_name(result.id()) == (step == 2 ? "there/chosen" : "chosen"));
    CHECK(recorder.user_line(result.id()).line == (step == 2 ? 7 : __LINE__ - 11));
    CHECK(recorder.key(2).op->name == std::string("gather"));
    CHECK(recorder.scope_name(2) == (step == 2 ? "there/chosen" : "chosen"));
    CHECK(recorder.scope_name(4) == (step == 2 ? "there/chosen/distance" : "chosen/distance"));
    CHECK(recorder.user_line(4).line == recorder.user_line(result.id()).line);
    CHECK(result.value().size() == 2);
  }
  CHECK(count == 2);  // itself and the one in it, for the first time
  Tape tape;
  const Var wrong = choose_there(Tensor{1, 9});
  CHECK_THAT(error_of<IndexError>([&] { wrong.value(); }),
             Catch::Contains("index 9") && Catch::Contains("at there.cpp:7"));
  CHECK(count == 2);
}

TEST_CASE("Compositions: alone and in another one, with a foreign operand, of a dead tape") {
  const Built count;
  for (int step = 0; step < 2; ++step) {
    const Tape tape;
    const Var x = noise({5}, 1), indices = Tensor{0, 1};  // a shape that no other test has made it for
    const Var a = record(chosen_composition, x, indices), b = distance(x, x), c = distance(a, b);
    CHECK(c.item() > 0);
  }
  CHECK(count == 4);
  Var dead;
  {
    const Tape tape;
    dead = noise({4}, 1);
  }
  const Tape tape;
  const Var x = noise({4}, 1);
  CHECK_THAT(error_of<TapeError>([&] { distance(x, dead); }), Catch::Contains("[distance] a Var cannot be used here"));
  CHECK_THAT(error_of<TapeError>([&] { distance(dead, x); }), Catch::Contains(at(__LINE__)));
}

TEST_CASE("Compositions: an error while one is built leaves the tape as good as new") {
  for (int round = 0; round < 2; ++round) {
    const Tape tape;
    const Var x = noise({4}, 1), y = noise({4}, 2), z = noise({3}, 3);
    CHECK_THAT(error_of<ShapeError>([&] { distance(x, z); }),
               Catch::Contains("[distance] shapes do not broadcast: (4,) and (3,) at compositions_test.cpp"));
    const Tensor result = distance(x, y).value();
    const Tape other;
    CHECK(identical(result, distance(noise({4}, 1), noise({4}, 2)).value()));
  }
}

TEST_CASE("Compositions: gradients of both orders, in a step that is replayed") {
  for (int round = 0; round < 3; ++round) {
    const GradientReport report =
        check_gradients([](auto v) { return distance(v[0] * v[1], v[1]) * distance(v[0], v[1], true); },
                        {noise({3}, 1, DType::f64), noise({3}, 2, DType::f64)});
    INFO(to_string(report));
    CHECK(report.ok);
  }
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", filled(1));
  for (int step = 0; step < 4; ++step) {
    const Tape tape;
    const Var loss = distance(weight, filled(step), true);
    backward(loss);
    CHECK(weight.gradient().at<float>({1}) == Approx(2. / 3 * (1 - step)));
    if (step % 2 == 1) CHECK(loss.item() == Approx((1. - step) * (1. - step)));
  }
}

TEST_CASE("Compositions: a watched one is kept in a replayed step") {
  for (int step = 0; step < 3; ++step) {
    Tape tape;
    tape.watch("distance*");
    const Var x = filled(step), y = filled(1);
    const Var d = distance(x, y);
    (d * 2).item();
    const Since since;
    CHECK(d.item() == 3. * (step - 1) * (step - 1));
    CHECK(since.passes() == 0);
  }
}

namespace {

Var scaled_in_training(std::span<const Var> inputs, std::uint64_t, SourceLine) {
  ++built;
  return current_phase() == Phase::training ? inputs[0] * literal(2) : inputs[0] * literal(3);
}
const Composition scaled_composition{.name = "scaled", .build = scaled_in_training};

/// It asks for the phase by another one that it is made of.
Var scaled_sum(std::span<const Var> inputs, std::uint64_t, SourceLine) {
  ++built;
  return sum(record(scaled_composition, inputs[0]));
}
const Composition scaled_sum_composition{.name = "scaled_sum", .build = scaled_sum};

Var product(std::span<const Var> inputs, std::uint64_t, SourceLine) {
  ++built;
  return matmul(inputs[0], inputs[1]);
}
const Composition product_composition{.name = "product", .build = product};

}  // namespace

TEST_CASE("Compositions: one that asks for the phase is built anew in another phase") {
  const Built count;
  for (int step = 0; step < 6; ++step) {
    const Phase phase = step % 3 == 2 ? Phase::evaluation : Phase::training;
    const Tape tape({.phase = phase});
    const double factor = phase == Phase::training ? 2 : 3;
    CHECK(record(scaled_sum_composition, filled(step)).item() == 3 * factor * step);
    CHECK(distance(filled(step), filled(0)).item() == 3. * step * step);
  }
  CHECK(count < 3 * 6);
  CHECK(count > 3);
}

TEST_CASE("Compositions: one that asks for the phase by a part that is known already") {
  const Tensor x = Tensor::full({7}, 1, DType::f32);
  for (int step = 0; step < 2; ++step) {
    const Tape tape;
    CHECK(identical(record(scaled_composition, x).value(), Tensor::full({7}, 2, DType::f32)));
  }
  for (int step = 0; step < 4; ++step) {
    const Tape tape({.phase = step < 2 ? Phase::training : Phase::evaluation});
    CHECK(record(scaled_sum_composition, x).item() == (step < 2 ? 14 : 21));
  }
}

TEST_CASE("Compositions: products have the precision that holds when they are recorded") {
  const Tensor a = Tensor::full({32, 32}, 1 + 0x1p-12, DType::f32), b = Tensor::full({32, 32}, 1, DType::f32);
  const double exact = 32 * 32 * 32 * (1 + 0x1p-12);
  const double rounded = run::is_faster_in_bf16(32, 32, 32) ? 32 * 32 * 32 : exact;
  const Built count;
  for (int step = 0; step < 6; ++step) {
    const MatmulPrecision precision(step % 3 == 2 ? Precision::medium : Precision::highest);
    const Tape tape;
    CHECK(sum(record(product_composition, a, b)).item() == (step % 3 == 2 ? rounded : exact));
  }
  CHECK(count < 6);
}
