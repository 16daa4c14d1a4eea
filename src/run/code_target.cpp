#include "src/run/code_target.hpp"

namespace thalweg::run {

CodeTarget code_target() {
  if (THALWEG_GENERATES_CODE == 0) return CodeTarget::none;
  switch (static_cast<std::size_t>(machine(DType::f32).lanes) * sizeof(float)) {
    case 64: return CodeTarget::avx512;
    case 32: return CodeTarget::avx2;
    default: return CodeTarget::none;
  }
}

}  // namespace thalweg::run
