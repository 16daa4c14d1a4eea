// Gradients separate from the registry's own: per thread, per micro-batch.

#include <cstring>

#include <thalweg/differentiate.hpp>

#include "src/registry/check.hpp"
#include "src/registry/core.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

using internal::RegistryCore;
using internal::visit_floating;

Gradients::Gradients(const ParameterRegistry& registry) : core_(registry.core()) { renew(); }

void Gradients::renew() {
  values_ = Tensor::zeros({core_->trainable_elements}, core_->dtype);
  layout_ = core_->uid;
}

void* Gradients::data() {
  if (layout_ != core_->uid) renew();
  return values_.mutable_raw();
}

void Gradients::check_layout(const char* op, SourceLine line) const {
  if (layout_ != core_->uid)
    throw ValueError(
        error_text(op, "these gradients are from before a parameter was added, frozen or converted", line));
}

Tensor Gradients::operator[](const Parameter& parameter) const {
  if (parameter.core() != core_)
    throw ValueError(error_text("Gradients", "the parameter is not one of this registry's"));
  check_layout("Gradients");
  internal::check_trainable("Gradients", *core_, parameter.index(), {});
  const RegistryCore::Entry& entry = core_->entries[parameter.index()];
  const auto* base = static_cast<const char*>(values_.raw());
  return internal::copied(base + static_cast<std::size_t>(entry.offset) * size_of(core_->dtype), entry.shape,
                          core_->dtype);
}

Gradients& Gradients::operator+=(const Gradients& other) {
  if (other.core_ != core_) throw ValueError(error_text("Gradients", "the two belong to different registries"));
  check_layout("Gradients");
  other.check_layout("Gradients");
  visit_floating(core_->dtype, [&]<class T>() {
    const std::span<T> sum = values_.mutable_data<T>();
    const std::span<const T> added = other.values_.data<T>();
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += added[i];
  });
  return *this;
}

Gradients& Gradients::operator*=(double factor) {
  check_layout("Gradients");
  visit_floating(core_->dtype, [&]<class T>() {
    T* values = values_.mutable_data<T>().data();
    // By parameter, so that the padding stays 0 even for an infinite factor.
    for (const RegistryCore::Entry& entry : core_->entries)
      if (entry.trainable)
        for (std::int64_t i = 0; i < entry.shape.size(); ++i) values[entry.offset + i] *= static_cast<T>(factor);
  });
  return *this;
}

void Gradients::set_zero() {
  void* values = data();
  if (values_.bytes() > 0) std::memset(values, 0, values_.bytes());
}

void Gradients::store(SourceLine line) const {
  check_layout("store", line);
  const internal::WriteClaim claim = core_->claim_write("store", line);
  if (values_.bytes() > 0) std::memcpy(core_->gradients.data(), values_.raw(), values_.bytes());
  core_->note_gradients();
}

}  // namespace thalweg
