#include <thalweg/simd.hpp>

#include <cstdlib>
#include <string>

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <thalweg/error.hpp>

#include "src/run/amx.hpp"
#include "src/run/simd.hpp"

namespace thalweg {

namespace {

struct Target {
  const char* name;
  std::int64_t bits;
  bool has_tiles = false;  // AMX; the rest is AVX-512
};

#if HWY_ARCH_X86
constexpr Target targets[] = {{"amx", HWY_AVX3, true}, {"avx512", HWY_AVX3}, {"avx2", HWY_AVX2}, {"sse4", HWY_SSE4}};
#elif HWY_ARCH_ARM
constexpr Target targets[] = {{"neon", HWY_NEON}};
#else
constexpr Target targets[] = {{"portable", HWY_STATIC_TARGET}};
#endif

/// The targets that the processor supports, regardless of the one that is set.
std::int64_t supported() {
  hwy::SetSupportedTargetsForTest(0);
  return hwy::SupportedTargets() & HWY_TARGETS;
}

void use(std::int64_t bits, bool tiles) {
  run::allow_amx(tiles);
  hwy::SetSupportedTargetsForTest(bits);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

/// Errors name `op`.
void use_target(const char* op, std::string_view name) {
  const std::int64_t available = supported();
  if (name.empty()) return use(0, true);
  std::string names;
  for (const Target& target : targets) {
    if ((available & target.bits) == 0 || (target.has_tiles && !run::has_amx())) continue;
    if (name == target.name) return use(target.bits, target.has_tiles);
    names += names.empty() ? "" : ", ";
    names += target.name;
  }
  throw ValueError(error_text(op, "no target \"" + std::string(name) + "\"; supported: " + names));
}

/// THALWEG_TARGET is read once, before main; an error in it is reported when a tape is made or a kernel needed.
const std::string environment_error = [] {
  try {
    if (const char* name = std::getenv("THALWEG_TARGET")) use_target("THALWEG_TARGET", name);
  } catch (const ValueError& error) {
    return std::string(error.what());
  }
  return std::string();
}();

}  // namespace

void set_simd_target(std::string_view name) { use_target("set_simd_target", name); }

std::string_view simd_target() {
  run::check_simd_environment();
  const std::int64_t available = hwy::SupportedTargets() & HWY_TARGETS;
  for (const Target& target : targets)
    if ((available & target.bits) != 0 && (!target.has_tiles || run::uses_amx())) return target.name;
  return "portable";
}

void run::check_simd_environment() {
  if (!environment_error.empty()) throw ValueError(environment_error);
}

}  // namespace thalweg
