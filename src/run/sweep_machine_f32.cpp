// The vector machine of f32, for every SIMD target. A file for each dtype, for they take long to compile.

#include "src/run/sweep_machine.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/run/sweep_machine_f32.cpp"
#include <hwy/foreach_target.h>

#include "src/run/sweep_machine-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {
const Machine& machine_of_f32() { return machine_of<float>(); }
}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thalweg::run {
namespace {
HWY_EXPORT(machine_of_f32);
}
const Machine& f32_machine() { return HWY_DYNAMIC_DISPATCH(machine_of_f32)(); }
}  // namespace thalweg::run
#endif
