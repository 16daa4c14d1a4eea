// The vector machine of i64, for every SIMD target. A file for each dtype, for they take long to compile.

#include "src/run/sweep_machine.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/run/sweep_machine_i64.cpp"
#include <hwy/foreach_target.h>

#include "src/run/sweep_machine-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {
const Machine& machine_of_i64() { return machine_of<std::int64_t>(); }
}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thalweg::run {
namespace {
HWY_EXPORT(machine_of_i64);
}
const Machine& i64_machine() { return HWY_DYNAMIC_DISPATCH(machine_of_i64)(); }
}  // namespace thalweg::run
#endif
