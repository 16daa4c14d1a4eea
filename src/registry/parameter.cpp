#include <cstring>

#include "src/registry/check.hpp"
#include "src/registry/core.hpp"

namespace thalweg {

using internal::RegistryCore;

const RegistryCore& Parameter::require(const char* what, SourceLine line) const {
  if (core_ == nullptr) throw ValueError(error_text(what, "this Parameter is empty: nothing was assigned to it", line));
  return *core_;
}

const std::string& Parameter::name(SourceLine line) const { return require("name", line).entries[index_].name; }
const Shape& Parameter::shape(SourceLine line) const { return require("shape", line).entries[index_].shape; }
DType Parameter::dtype(SourceLine line) const { return require("dtype", line).dtype; }
bool Parameter::trainable(SourceLine line) const { return require("trainable", line).entries[index_].trainable; }

Tensor Parameter::value(SourceLine line) const {
  const RegistryCore& core = require("value", line);
  return internal::copied(core.value_data(index_), shape(), core.dtype);
}

Tensor Parameter::gradient(SourceLine line) const {
  const RegistryCore& core = require("gradient", line);
  internal::check_trainable("gradient", core, index_, line);
  return internal::copied(core.gradient_data(index_), shape(), core.dtype);
}

void Parameter::set_value(const Tensor& value, SourceLine line) const {
  require("set_value", line);
  internal::check_fits("set_value", *core_, index_, value, line);
  const internal::WriteClaim claim = core_->claim_write("set_value", line);
  if (value.size() > 0) std::memcpy(core_->value_data(index_), value.raw(), value.bytes());
  core_->note_write(index_, "set_value", line);
}

}  // namespace thalweg
