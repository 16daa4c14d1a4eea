#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <hwy/targets.h>

namespace {

/// THALWEG_TARGET=sse4, avx2, avx512 or amx (avx512 with it): kernels for at most that instruction set. False if the machine lacks it;
/// another name is left to the library, whose first tape throws.
bool limit_target() {
  const char* wanted = std::getenv("THALWEG_TARGET");
  if (wanted == nullptr) return true;
  const std::string_view name = wanted;
  const std::int64_t target = name == "sse4"                      ? HWY_SSE4
                              : name == "avx2"                    ? HWY_AVX2
                              : name == "avx512" || name == "amx" ? HWY_AVX3
                                                                  : 0;
  if (target == 0) return true;
  if ((hwy::SupportedTargets() & target) == 0) {
    std::printf("THALWEG_TARGET: this machine has no %s\n", wanted);
    return false;
  }
  hwy::DisableTargets(target - 1);  // a better target is a lower bit
  return true;
}

struct Counts {
  std::size_t passed = 0, failed = 0;
};
Counts counts;

struct CountingListener : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testRunEnded(const Catch::TestRunStats& stats) override {
    counts = {stats.totals.testCases.passed + stats.totals.testCases.failedButOk, stats.totals.testCases.failed};
  }
};
CATCH_REGISTER_LISTENER(CountingListener)

}  // namespace

int main(int argc, char** argv) {
  if (!limit_target()) return 2;
  const int result = Catch::Session().run(argc, argv);
  std::printf("%zu passed, %zu failed\n", counts.passed, counts.failed);
  return result;
}
