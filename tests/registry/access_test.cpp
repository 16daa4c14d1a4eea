#include <chrono>
#include <thread>
#include <utility>

#include <catch2/catch.hpp>

#include <thalweg/nn/initializers.hpp>
#include <thalweg/registry.hpp>

#include "src/registry/core.hpp"
#include "tests/registry/thrown.hpp"

using namespace thalweg;
using internal::RegistryCore;
using test::thrown;

namespace {

template <class Body>
void in_another_thread(Body&& body) {
  std::thread(std::forward<Body>(body)).join();
}

}  // namespace

TEST_CASE("registry access: a write while another thread's tape has read it is a TapeError") {
  ParameterRegistry registry;
  Parameter weight = registry.add("w", ones({2}));
  RegistryCore& core = *registry.core();
  core.begin_read();  // as a tape of this thread does
  in_another_thread([&] {
    CHECK(thrown<TapeError>([&] {
            weight.set_value(Tensor{5., 5.}, {"model.cpp", 7});
          }) ==
          "[set_value] a tape of another thread has read this registry; write when it has ended, or give each thread a "
          "registry of its own at model.cpp:7");
    CHECK_THROWS_AS(registry.add("v", ones({2})), TapeError);
    CHECK_THROWS_AS(registry.set_trainable("w", false), TapeError);
    CHECK_THROWS_AS(registry.convert(f64), TapeError);
    CHECK_THROWS_AS(registry.set_state("sgd.x/w", Tensor{5., 5.}), TapeError);
    // Its own tapes make no difference to that.
    core.begin_read();
    CHECK_THROWS_AS(weight.set_value(Tensor{5., 5.}), TapeError);
    core.end_read();
  });
  CHECK(identical(weight.value(), Tensor{1., 1.}));
  CHECK(registry.size() == 1);
  CHECK(registry.state_names().empty());
  core.end_read();
  in_another_thread([&] { weight.set_value(Tensor{5., 5.}); });
  CHECK(identical(weight.value(), Tensor{5., 5.}));
}

TEST_CASE("registry access: a thread may write what only its own tapes have read, but not its layout") {
  ParameterRegistry registry, other;
  Parameter weight = registry.add("w", ones({2}));
  RegistryCore& core = *registry.core();
  core.begin_read();
  core.begin_read();
  other.core()->begin_read();
  weight.set_value(Tensor{2., 2.});
  registry.add("v", ones({2}));
  CHECK(thrown<TapeError>([&] {
          registry.convert(f64, {"model.cpp", 7});
        }) ==
        "[convert] a live tape has read this registry, and what it recorded would be wrong afterwards; end it first at "
        "model.cpp:7");
  core.end_read();
  CHECK_THROWS_AS(registry.set_trainable("w", false), TapeError);
  core.end_read();
  registry.set_trainable("w", false);
  registry.convert(f64);
  CHECK(identical(weight.value(), Tensor({2., 2.}, f64)));
  CHECK_THROWS_AS(other.convert(f64), TapeError);
  other.core()->end_read();
}

TEST_CASE("registry access: two threads cannot write at a time, and a reader waits for the write's end") {
  ParameterRegistry registry;
  Parameter weight = registry.add("w", ones({2}));
  RegistryCore& core = *registry.core();
  bool written = false;
  std::thread reader;
  {
    const internal::WriteClaim claim = core.claim_write("step()", {});
    in_another_thread([&] {
      CHECK(thrown<TapeError>([&] {
              weight.set_value(Tensor{5., 5.}, {"model.cpp", 7});
            }) == "[set_value] another thread is writing this registry at model.cpp:7");
    });
    reader = std::thread([&] {
      core.begin_read();
      CHECK(written);  // a race, reported by the sanitizer, if it did not wait
      core.end_read();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    written = true;
  }
  reader.join();
}
