// A million nodes on a stack of 256 KB: nothing recurses.
#include <pthread.h>

#include <functional>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// Runs `function` on a thread with a small stack; rethrows what it throws.
void on_small_stack(const std::function<void()>& function) {
  struct Call {
    const std::function<void()>& function;
    std::exception_ptr error;
  } call{function, nullptr};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  REQUIRE(pthread_attr_setstacksize(&attributes, 256 << 10) == 0);
  pthread_t thread;
  const auto start = [](void* argument) -> void* {
    auto& made = *static_cast<Call*>(argument);
    try {
      made.function();
    } catch (...) {
      made.error = std::current_exception();
    }
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, start, &call) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  if (call.error) std::rethrow_exception(call.error);
}

constexpr int length = 1'000'000;

}  // namespace

TEST_CASE("edge case 40: a chain of a million nodes is recorded, differentiated twice and freed on a stack of 256 KB") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  double value = 0, first = 0, second = 0;
  on_small_stack([&] {
    Tape tape({.engine = engine});
    const Var x = Tensor({2.}, f64);
    Var y = x * x;
    for (int i = 1; i < length / 2; ++i) y = y * 1.000001;  // two nodes each, a number and a product
    const Var dy = gradients(sum(y), {x})[0];
    value = y.value().item();
    first = dy.value().item();
    second = gradients(sum(dy), {x})[0].value().item();
  });
  const double factor = std::pow(1.000001, length / 2 - 1);
  CHECK(value == Approx(4 * factor).epsilon(1e-9));
  CHECK(first == Approx(4 * factor).epsilon(1e-9));
  CHECK(second == Approx(2 * factor).epsilon(1e-9));
}

TEST_CASE("edge case 40: a chain of a million nodes is trained through backward on a stack of 256 KB") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry({.dtype = f64});
  const Parameter weight = registry.add("weight", Tensor({0.5}, f64));
  on_small_stack([&] {
    Tape tape({.engine = engine});
    Var y = weight;
    for (int i = 0; i < length; ++i) y = -y;
    backward(sum(y));
  });
  CHECK(weight.gradient().item() == 1);
}
