// Environment variables with an invalid value: the first tape of the process says so.
#include <array>
#include <cstdio>
#include <memory>

#include <unistd.h>

#include <thalweg/simd.hpp>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// What a new process of this program prints when it makes a tape with `variables` in its environment.
std::string printed_with(const std::string& variables) {
  const std::string command = variables + " /proc/" + std::to_string(getpid()) + "/exe '[.child]' 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 256> buffer;
  while (fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) text += buffer.data();
  return text;
}

}  // namespace

TEST_CASE("environment: the child", "[.child]") {
  try {
    const Tape tape;
    std::printf("result %g on %d threads, %s\n", (Var(Tensor{1., 2.}) * 3).value().at<float>({1}), thread_count(),
                std::string(simd_target()).c_str());
  } catch (const ValueError& error) {
    std::printf("%s\n", error.what());
    CHECK_THROWS_AS(Tape(), ValueError);  // as does each later one
    CHECK_THROWS_AS(compute([] { return Var(1); }), ValueError);
  }
}

TEST_CASE("environment: THALWEG_THREADS is an integer from 1 to 256") {
  CHECK_THAT(printed_with("THALWEG_THREADS=3"), Catch::Contains("result 6 on 3 threads"));
  CHECK_THAT(printed_with("THALWEG_THREADS="), Catch::Contains("result 6 on "));
  for (const std::string text : {"0", "257", "-1", "two", "2x", " 2", "1.5"})
    CHECK_THAT(
        printed_with("THALWEG_THREADS='" + text + "'"),
        Catch::Contains("[THALWEG_THREADS] the count must be an integer from 1 to 256, not \"" + text + "\"\n") &&
            Catch::Contains("1 passed, 0 failed"));
}

TEST_CASE("environment: THALWEG_TARGET is an instruction set that the processor has") {
  CHECK_THAT(printed_with("THALWEG_TARGET="), Catch::Contains("result 6 on "));
  CHECK_THAT(printed_with("THALWEG_TARGET=mmx"), Catch::Contains("[THALWEG_TARGET] no target \"mmx\"; supported: ") &&
                                                     Catch::Contains("1 passed, 0 failed"));
}
