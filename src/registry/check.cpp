#include "src/registry/check.hpp"

#include <cstring>

#include <fmt/format.h>

namespace thalweg::internal {

Tensor copied(const void* data, const Shape& shape, DType dtype) {
  Tensor copy = Tensor::empty(shape, dtype);
  if (shape.size() > 0) std::memcpy(copy.mutable_raw(), data, copy.bytes());
  return copy;
}

void check_fits(const char* op, const RegistryCore& core, int index, const Tensor& value, SourceLine line) {
  const RegistryCore::Entry& entry = core.entries[index];
  if (!(value.shape() == entry.shape))
    throw ShapeError(error_text(
        op,
        fmt::format("\"{}\" has shape {}, the value {}", entry.name, to_string(entry.shape), to_string(value.shape())),
        line));
  if (value.dtype() != core.dtype)
    throw DtypeError(error_text(op,
                                fmt::format("\"{}\" is {}, the value {}; convert it with to({})", entry.name,
                                            name(core.dtype), name(value.dtype()), name(core.dtype)),
                                line));
}

void check_trainable(const char* op, const RegistryCore& core, int index, SourceLine line) {
  const RegistryCore::Entry& entry = core.entries[index];
  if (!entry.trainable)
    throw ValueError(error_text(
        op, fmt::format("\"{}\" is not trainable: it has no gradient and no optimizer state", entry.name), line));
}

}  // namespace thalweg::internal
