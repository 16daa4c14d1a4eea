// Numbers on the tape take the dtype of the tensor beside them, wherever and however often they are read.
#include "tests/tape/helpers.hpp"

namespace thalweg::testing {
namespace {

TEST_CASE("numbers: a plan that keeps values for later requests computes numbers where they are read") {
  // 1/12 of the mean's gradient is a number that both requests read; the second plan is made with what the first keeps.
  for (int turn = 0; turn < 3; ++turn) {
    const Tape tape;
    const Var x = Tensor::full(Shape{}, 0.3, DType::f64);
    const Var loss = tanh(mean(tanh(broadcast_to(x, Shape{3, 4}))));
    const Var slope = gradients(loss, {x})[0];
    CHECK(slope.item() == Approx(0.8416670500096088).epsilon(1e-14));
    CHECK(gradients(square(slope), {x})[0].item() == Approx(-1.5602154706573534).epsilon(1e-14));
  }
}

TEST_CASE("numbers: long arithmetic on them is in the dtype of each tensor beside them") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    Var number = Var(0.1);
    double wide = 0.1;
    float narrow = 0.1F;
    for (int i = 0; i < 60; ++i) {
      number = number * 1.01 + 0.3;
      wide = wide * 1.01 + 0.3;
      narrow = narrow * 1.01F + 0.3F;
    }
    CHECK((Var(Tensor::ones({2}).to(f64)) * number).value().at<double>({1}) == wide);
    CHECK((Var(Tensor::ones({2})) * number).value().at<float>({1}) == narrow);
    CHECK((exp(Var(Tensor::zeros({3}).to(f64))) / sqrt(number)).value().at<double>({2}) == 1 / std::sqrt(wide));
    CHECK(number.value().at<float>({}) == narrow);
    CHECK(broadcast_to(number, {2}).value().at<float>({0}) == narrow);
  }
}

TEST_CASE("numbers: i64 arithmetic of any length is exact beside i64") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    Var number = Var(1);
    std::int64_t whole = 1;
    for (int i = 0; i < 35; ++i) {
      number = number * 3 - 1;
      whole = whole * 3 - 1;
    }
    CHECK((Var(Tensor{0, 5}) + number).value().at<std::int64_t>({1}) == whole + 5);
  }
}

TEST_CASE("numbers: every C++ number stands beside a tensor") {
  const Tape tape;
  const std::vector<int> batch(4);
  const Var x = Tensor{8., 16.};
  CHECK(identical((x / batch.size()).value(), Tensor{2., 4.}));
  CHECK(identical((x * 2U).value(), Tensor{16., 32.}));
  CHECK(identical((x * 2LL - 1.0L).value(), Tensor{15., 31.}));
  CHECK(identical((Tensor{8, 16} + batch.size()).value(), Tensor{12, 20}));
  const Var count = batch.size(), half = 0.5L, whole = std::int64_t{7};
  CHECK(count.dtype() == DType::i64);
  CHECK((count * half + whole).item() == 9);
}

TEST_CASE("numbers: a whole number that f64 does not have is never rounded beside i64") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  const Tape tape({.engine = engine});
  const std::int64_t odd = (std::int64_t{1} << 53) + 1, largest = std::numeric_limits<std::int64_t>::max();
  const Tensor zero{0};
  const std::string text =
      "a fraction, or a whole number that f64 does not have, beside i64; cast the tensor to f32 or f64, or give the "
      "number as a Tensor";
  for (const std::int64_t number : {odd, -odd, largest}) {
    CHECK(error_of<DtypeError>([&] { zero + number; }) == "[add] " + text + at(__LINE__));
    CHECK(error_of<DtypeError>([&] { equal(zero, number); }) == "[equal] " + text + at(__LINE__));
    CHECK((zero + Tensor(number)).value().at<std::int64_t>({0}) == number);
    CHECK((Var(number) + zero).value().at<std::int64_t>({0}) == number);
    CHECK((Tensor({0.}, f64) + number).item() == static_cast<double>(number));
  }
  for (const std::int64_t number : {odd - 1, std::int64_t{1} << 62, std::numeric_limits<std::int64_t>::min()})
    CHECK((zero + number).value().at<std::int64_t>({0}) == number);
  CHECK_THROWS_AS(zero + std::numeric_limits<std::uint64_t>::max(), DtypeError);
}

TEST_CASE("numbers: one that is read twice at every turn is not made anew for each reading") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    Var number = Var(1.0);
    for (int i = 0; i < 40; ++i) number = number + number;
    CHECK((Var(Tensor::ones({2}).to(f64)) * number).value().at<double>({0}) == std::ldexp(1.0, 40));
  }
}

TEST_CASE("numbers: asking for one does not change what it is beside a tensor") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    const Var x = Tensor::full(Shape{2}, 0.3, DType::f64);
    const Var number = Var(0.1) * 3;
    CHECK(number.value().dtype() == DType::f32);
    CHECK((x * number).value().at<double>({1}) == 0.3 * (0.1 * 3));
  }
}

TEST_CASE("numbers: arrays made of them are f32, and say so beside f64") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    const Var x = Tensor::full(Shape{2}, 0.3, DType::f64);
    const Var number = reshape(Var(0.1), {1});
    const Var pair = concatenate({number, number});
    CHECK(identical(pair.value(), Tensor{0.1, 0.1}));
    const auto starts = Catch::Matchers::StartsWith("[multiply] dtypes differ: f64 and f32; cast one of them");
    CHECK_THAT(error_of<DtypeError>([&] { multiply(x, pair); }), starts);
    CHECK_THAT(error_of<DtypeError>([&] { multiply(x, sum(Var(0.1))); }), starts);
  }
}

TEST_CASE("numbers: a literal that i64 does not have is a fraction, infinities and large whole numbers too") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    CHECK(cast(-literal(infinity), DType::f64).item() == -infinity);
    CHECK(cast(-literal(infinity), DType::f32).item() == -infinity);
    CHECK(cast(-literal(0x1p90), DType::f64).item() == -0x1p90);
    CHECK(cast(-literal(0x1p63), DType::f64).item() == -0x1p63);
    CHECK(cast(-literal(3), DType::i64).item() == -3);
  }
}

}  // namespace
}  // namespace thalweg::testing
