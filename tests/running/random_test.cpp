#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <thalweg/error.hpp>
#include <thalweg/random.hpp>

#include "src/run/philox.hpp"

namespace tw = thalweg;
using tw::DrawSource;
using tw::Random;

namespace {

template <class T>
std::vector<T> uniforms(std::size_t count, const DrawSource& source) {
  std::vector<T> values(count);
  tw::fill_uniform(std::span<T>(values), source);
  return values;
}

template <class T>
std::vector<T> normals(std::size_t count, const DrawSource& source) {
  std::vector<T> values(count);
  tw::fill_normal(std::span<T>(values), source);
  return values;
}

std::vector<std::int64_t> permutation(std::size_t count, const DrawSource& source) {
  std::vector<std::int64_t> values(count);
  tw::fill_permutation(values, source);
  return values;
}

const DrawSource some_source{.seed = 0x0123456789abcdef, .draw = 0x0000000500000007, .stream = 3};

}  // namespace

TEST_CASE("Philox: the authors' known answers") {
  using tw::run::philox4x32;
  using tw::run::PhiloxBlock;
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox4x32({0, 0}, {0, 0, 0, 0}) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({ones, ones}, {ones, ones, ones, ones}) ==
        PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("Philox: indices and draws beyond 2^32 have counters of their own") {
  using tw::run::philox_counter;
  const std::uint64_t beyond = std::uint64_t{1} << 32;
  const auto counter = [](std::uint64_t draw, std::uint64_t index) {
    return philox_counter({.seed = 0, .draw = draw, .stream = 0}, index);
  };
  CHECK(counter(0, beyond) != counter(0, 0));
  CHECK(counter(beyond, 0) != counter(0, 0));
  CHECK(counter(beyond, 0) != counter(0, beyond));
  CHECK(counter(beyond, beyond) != counter(0, 0));
}

TEST_CASE("draws: elements as defined") {
  // Computed from the definition by an independent program.
  struct Expected {
    std::size_t element;
    float uniform_f32;
    double uniform_f64, normal_f32, normal_f64;
  };
  const Expected expected[] = {
      {0, 0x1.2eab8cp-2F, 0x1.2eab8f68fa960p-2, 0.05185374933388731, 0.5422562124093018},
      {17, 0x1.68bd98p-1F, 0x1.77417d227d8f2p-2, -1.016821775869324, -0.3276169480929083},
      {63, 0x1.9dc780p-1F, 0x1.c208313a38ce0p-6, 2.26135996737985, -0.08504685863148649},
      {64, 0x1.7833a0p-3F, 0x1.16ca923dfaf9cp-3, -0.03077788388899388, -0.8330235596885384},
      {100, 0x1.1454e6p-1F, 0x1.039d854154e18p-3, 1.0186646245571707, 2.1471867440949977},
  };
  const std::size_t count = 101;
  const auto uniform_f32 = uniforms<float>(count, some_source);
  const auto uniform_f64 = uniforms<double>(count, some_source);
  const auto normal_f32 = normals<float>(count, some_source);
  const auto normal_f64 = normals<double>(count, some_source);
  for (const Expected& e : expected) {
    CAPTURE(e.element);
    CHECK(uniform_f32[e.element] == e.uniform_f32);
    CHECK(uniform_f64[e.element] == e.uniform_f64);
    CHECK(normal_f32[e.element] == Approx(e.normal_f32).epsilon(1e-6));
    CHECK(normal_f64[e.element] == Approx(e.normal_f64).epsilon(1e-14));
  }
}

TEST_CASE("draws: filling agrees with the definition of one element, at any length") {
  for (const std::size_t count : {0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200}) {
    const auto f32 = uniforms<float>(count, some_source);
    const auto f64 = uniforms<double>(count, some_source);
    bool agree = true;
    for (std::size_t i = 0; i < count; ++i)
      agree = agree && f32[i] == tw::run::uniform_f32(some_source, i) && f64[i] == tw::run::uniform_f64(some_source, i);
    CAPTURE(count);
    CHECK(agree);
  }
}

TEST_CASE("draws: seed, stream and number each change every number") {
  const auto base = uniforms<double>(100, {.seed = 0, .draw = 0, .stream = 0});
  for (const DrawSource& other :
       {DrawSource{.seed = 1}, DrawSource{.seed = std::uint64_t{1} << 32}, DrawSource{.draw = 1},
        DrawSource{.draw = std::uint64_t{1} << 32}, DrawSource{.stream = 1}}) {
    const auto values = uniforms<double>(100, other);
    CHECK(std::ranges::mismatch(base, values).in1 == base.begin());
    CHECK_FALSE(std::ranges::any_of(values, [&](double value) { return std::ranges::count(base, value) > 0; }));
  }
  CHECK(uniforms<double>(100, {.seed = 0}) == base);
}

TEST_CASE("draws: moments") {
  const std::size_t count = 100000;
  const auto check = [&](const auto& values, double mean, double variance, double fourth) {
    double sum = 0, squares = 0, fourths = 0;
    for (const double value : values) {
      sum += value;
      squares += (value - mean) * (value - mean);
      fourths += std::pow(value - mean, 4);
    }
    CHECK(sum / count == Approx(mean).margin(5 * std::sqrt(variance / count)));
    CHECK(squares / count == Approx(variance).epsilon(0.03));
    CHECK(fourths / count == Approx(fourth).epsilon(0.06));
  };
  check(uniforms<float>(count, some_source), 0.5, 1 / 12., 1 / 80.);
  check(uniforms<double>(count, some_source), 0.5, 1 / 12., 1 / 80.);
  check(normals<float>(count, some_source), 0, 1, 3);
  check(normals<double>(count, some_source), 0, 1, 3);
}

TEST_CASE("draws: normals are those defined one element at a time, any part of a draw by itself") {
  const std::size_t count = 3000;
  const auto f32 = normals<float>(count, some_source);
  const auto f64 = normals<double>(count, some_source);
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(f32[i] == Approx(tw::run::normal_f32(some_source, i)).epsilon(1e-7).margin(1e-15));
    REQUIRE(f64[i] == Approx(tw::run::normal_f64(some_source, i)).epsilon(1e-14).margin(1e-15));
  }
  for (const std::size_t shorter : {0, 1, 15, 31, 32, 33, 65, 1000})
    CHECK(std::ranges::equal(normals<float>(shorter, some_source), std::span(f32).first(shorter)));
}

TEST_CASE("draws: uniforms stay below 1, normals finite at the ends of u1") {
  CHECK(tw::run::uniform_from_bits(std::uint32_t{0xffffffff}) < 1.0F);
  CHECK(tw::run::uniform_from_bits(~std::uint64_t{0}) < 1.0);
  CHECK(tw::run::uniform_from_bits(std::uint32_t{0xff}) == 0.0F);
  CHECK(std::isfinite(tw::run::box_muller(0x1p-53, 0)));
  CHECK(tw::run::box_muller(1, 0.5) == 0);
}

TEST_CASE("fill_permutation: every number once, every order about equally often") {
  auto order = permutation(1000, some_source);
  CHECK_FALSE(std::ranges::is_sorted(order));
  std::ranges::sort(order);
  bool is_whole = true;
  for (std::size_t i = 0; i < order.size(); ++i) is_whole = is_whole && order[i] == static_cast<std::int64_t>(i);
  CHECK(is_whole);
  CHECK(permutation(0, some_source).empty());

  int counts[6] = {};
  for (std::uint64_t draw = 0; draw < 6000; ++draw) {
    const auto three = permutation(3, {.seed = 1, .draw = draw, .stream = 0});
    ++counts[three[0] * 2 + (three[1] > three[2] ? 1 : 0)];
  }
  for (const int count : counts) CHECK(std::abs(count - 1000) < 150);
}

TEST_CASE("fill_indices: in range, every index about equally often") {
  std::vector<std::int64_t> values(7000);
  tw::fill_indices(values, 7, some_source);
  for (std::int64_t index = 0; index < 7; ++index) CHECK(std::abs(std::ranges::count(values, index) - 1000) < 150);
  CHECK_THROWS_AS(tw::fill_indices(values, 0, some_source), tw::ValueError);
}

TEST_CASE("Random: numbers its draws, and goes back to a position") {
  Random random(5);
  CHECK(random.seed() == 5);
  CHECK(random.next_draw() == 0);
  const DrawSource second = random.next_source();
  CHECK((second.seed == 5 && second.draw == 1 && second.stream == random.stream()));
  CHECK(random.position() == 2);
  random.set_position(1);
  CHECK(random.next_draw() == 1);
}

TEST_CASE("Random: single numbers, each a draw of its own") {
  Random random(5);
  std::vector<double> number(1);
  const double first = random.uniform(), second = random.normal();
  const std::int64_t third = random.index(1000);
  CHECK(random.position() == 3);
  tw::fill_uniform(std::span(number), {.seed = 5});
  CHECK(first == number[0]);
  tw::fill_normal(std::span(number), {.seed = 5, .draw = 1});
  CHECK(second == number[0]);
  std::vector<std::int64_t> index(1);
  tw::fill_indices(index, 1000, {.seed = 5, .draw = 2});
  CHECK(third == index[0]);
  CHECK_THROWS_AS(random.index(0), tw::ValueError);
  std::vector<int> counts(7);
  for (int i = 0; i < 7000; ++i) ++counts[static_cast<std::size_t>(random.index(7))];
  for (const int count : counts) CHECK(std::abs(count - 1000) < 150);
}

TEST_CASE("Random: a split depends on its name and its parent, not on what was drawn") {
  Random random(5);
  const Random before = random.split("trial");
  random.next_draw();
  const Random after = random.split("trial");
  CHECK(before.stream() == after.stream());
  CHECK(after.seed() == 5);
  CHECK(after.position() == 0);
  CHECK(before.stream() != random.split("trials").stream());
  CHECK(before.stream() != before.split("trial").stream());
  // FNV-1a, by an independent program: streams are part of what a seed means, so they must not change.
  CHECK(before.stream() == 0xfa2543c3);
  CHECK(tw::stream_of(7, "a") == 0xdf1a6339);
}
