#include <cstring>

#include <fmt/format.h>

#include "src/registry/check.hpp"
#include "src/registry/core.hpp"

namespace thalweg {

using internal::RegistryCore;

const RegistryCore& Parameter::require(const char* what, SourceLine line) const {
  if (core_ == nullptr) throw ValueError(error_text(what, "this Parameter is empty: nothing was assigned to it", line));
  return *core_;
}

const std::string& Parameter::name() const { return require("name").entries[index_].name; }
const Shape& Parameter::shape() const { return require("shape").entries[index_].shape; }
DType Parameter::dtype() const { return require("dtype").dtype; }
bool Parameter::trainable() const { return require("trainable").entries[index_].trainable; }

Tensor Parameter::value() const {
  const RegistryCore& core = require("value");
  return internal::copied(core.value_data(index_), shape(), core.dtype);
}

Tensor Parameter::gradient() const {
  const RegistryCore& core = require("gradient");
  internal::check_trainable("gradient", core, index_, {});
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
