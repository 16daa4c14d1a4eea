#pragma once
// What the functions of Parameter, ParameterRegistry and Gradients check alike.

#include <thalweg/tensor.hpp>

#include "src/registry/core.hpp"

namespace thalweg::internal {

/// A tensor of its own with what stands at `data`.
Tensor copied(const void* data, const Shape& shape, DType dtype);

/// ShapeError or DtypeError where `value` cannot be parameter `index`'s value or state.
void check_fits(const char* op, const RegistryCore& core, int index, const Tensor& value, SourceLine line);

/// ValueError where parameter `index` is not trainable: it has neither gradient nor state.
void check_trainable(const char* op, const RegistryCore& core, int index, SourceLine line);

}  // namespace thalweg::internal
