#pragma once
#include <thalweg/composite.hpp>

#include "src/tape/recorder.hpp"

namespace thalweg {

/// A number that is part of the structure, of this dtype whatever stands beside it.
inline Var typed_literal(double number, DType dtype) {
  internal::Recorder& recorder = internal::Recorder::require("literal", {});
  return recorder.var(recorder.literal(number, dtype));
}

}  // namespace thalweg
