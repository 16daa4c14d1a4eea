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

}  // namespace
}  // namespace thalweg::testing
