#pragma once
// Checks shared by Parameter, ParameterRegistry and Gradients.

#include <thalweg/tensor.hpp>

#include "src/registry/core.hpp"

namespace thalweg::internal {

/// A new tensor with a copy of the elements at `data`.
Tensor copied(const void* data, const Shape& shape, DType dtype);

/// ShapeError or DtypeError if `value` does not fit parameter `index`'s value or state.
void check_fits(const char* op, const RegistryCore& core, int index, const Tensor& value, SourceLine line);

/// ValueError if parameter `index` is not trainable, since it has neither gradient nor state.
void check_trainable(const char* op, const RegistryCore& core, int index, SourceLine line);

}  // namespace thalweg::internal
