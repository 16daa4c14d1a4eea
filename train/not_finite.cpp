#include <thalweg/train/not_finite.hpp>

#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <thalweg/differentiate.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/registry/core.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

namespace {

template <class T>
std::optional<double> first_in(const void* data, std::int64_t count) {
  const std::span values(static_cast<const T*>(data), static_cast<std::size_t>(count));
  for (const T value : values)
    if (!std::isfinite(value)) return value;
  return std::nullopt;
}

/// Where the value of a node lies; null for one that has none.
const void* data_of(internal::Recorder& recorder, std::int32_t id) {
  const internal::Key& key = recorder.key(id);
  if (key.op == &internal::parameter_op) return internal::registry_data(*recorder.slot(id).registry, key.attribute);
  if (key.op == &internal::constant_op) return recorder.slot(id).storage->data;
  return recorder.has_eager_value(id) ? recorder.eager_value(id).raw() : nullptr;
}

/// The first element of the node that is not finite, if one is.
std::optional<double> not_finite_element(internal::Recorder& recorder, std::int32_t id) {
  const NodeType type = recorder.type(id);
  const void* data = is_floating(type.dtype) ? data_of(recorder, id) : nullptr;
  if (data == nullptr) return std::nullopt;
  return type.dtype == f32 ? first_in<float>(data, type.shape.size()) : first_in<double>(data, type.shape.size());
}

/// Values of the parameters that a recording may assign, put back at the end.
class FixedParameters {
 public:
  explicit FixedParameters(ParameterRegistry& registry) {
    for (const Parameter& parameter : registry.parameters())
      if (!parameter.trainable()) values_.emplace_back(parameter, parameter.value());
  }
  void restore() {
    for (auto& [parameter, value] : values_) parameter.set_value(value);
  }

 private:
  std::vector<std::pair<Parameter, Tensor>> values_;
};

/// `exponent`: the bits that are all set in infinities and NaNs. Written so that it runs as vectors.
template <class Bits>
bool all_finite(const void* data, std::int64_t count, Bits exponent) {
  const auto* bits = static_cast<const Bits*>(data);
  Bits found = 0;
  for (std::int64_t i = 0; i < count; ++i) found |= static_cast<Bits>((bits[i] & exponent) == exponent);
  return found == 0;
}

NotFinite describe(const internal::Recorder& recorder, std::int32_t id, double value) {
  const std::int32_t origin = recorder.info(id).origin;
  const std::int32_t written = origin >= 0 ? origin : id;
  const std::string place = error_text("", "", recorder.user_line(written));
  const std::size_t at = place.find(" at ");
  const internal::Key& key = recorder.key(id);
  const bool is_parameter = key.op == &internal::parameter_op;
  const std::string parameter =
      is_parameter
          ? Parameter(recorder.slot(id).registry->shared_from_this(), internal::unpack(key.attribute).index).name()
          : "";
  return {.op = is_parameter ? "parameter " + parameter : key.op->name,
          .scope = recorder.scope_name(written),
          .place = at == std::string::npos ? "" : place.substr(at + 4),
          .in_backward = origin >= 0,
          .is_nan = std::isnan(value)};
}

std::optional<NotFinite> look(const std::function<Var()>& loss) {
  const Tape tape({.engine = Engine::eager});
  const Var value = loss();
  backward(value);
  internal::Recorder& recorder = tape.recorder();
  for (std::int32_t id = 0; id < recorder.size(); ++id)
    if (const auto element = not_finite_element(recorder, id)) return describe(recorder, id, *element);
  return std::nullopt;
}

}  // namespace

std::string to_string(const NotFinite& origin) {
  return fmt::format("{}{} first in {}{}{}{}", origin.step > 0 ? fmt::format("step {}: ", origin.step) : "",
                     origin.is_nan ? "NaN" : "infinity", origin.op, origin.place.empty() ? "" : " at " + origin.place,
                     origin.scope.empty() ? "" : fmt::format(" ({})", origin.scope),
                     origin.in_backward ? ", in its backward pass" : "");
}

std::optional<NotFinite> first_not_finite(ParameterRegistry& registry, const std::function<Var()>& loss) {
  FixedParameters fixed(registry);
  const std::optional<NotFinite> origin = look(loss);
  fixed.restore();
  return origin;
}

bool gradients_are_finite(const ParameterRegistry& registry) {
  const internal::RegistryCore& core = *registry.core();
  if (core.trainable_elements == 0) return true;
  const void* data = core.gradients.data();
  return core.dtype == f32 ? all_finite<std::uint32_t>(data, core.trainable_elements, 0x7F800000)
                           : all_finite<std::uint64_t>(data, core.trainable_elements, 0x7FF0000000000000);
}

}  // namespace thalweg
