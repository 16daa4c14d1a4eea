#include <thalweg/registry.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include <fmt/format.h>

#include <thalweg/random.hpp>

#include "src/registry/check.hpp"
#include "src/registry/core.hpp"
#include "src/tensor/allocations.hpp"
#include "src/tensor/shape_error.hpp"

namespace thalweg {

using internal::RegistryCore;
using internal::WriteClaim;

namespace {

void check_registry_dtype(const char* op, DType dtype, SourceLine line) {
  if (!is_floating(dtype))
    throw DtypeError(error_text(op, fmt::format("parameters are f32 or f64, not {}", name(dtype)), line));
}

std::vector<std::string_view> names_of(const RegistryCore& core) {
  std::vector<std::string_view> names;
  names.reserve(core.entries.size());
  for (const RegistryCore::Entry& entry : core.entries) names.push_back(entry.name);
  return names;
}

int find_parameter(const char* op, const RegistryCore& core, std::string_view name, SourceLine line) {
  const int index = core.find(name);
  if (index < 0)
    throw ValueError(error_text(
        op, fmt::format("no parameter \"{}\"{}", name, internal::closest_names(name, names_of(core))), line));
  return index;
}

std::vector<int> find_matching(const char* op, const RegistryCore& core, std::string_view pattern, SourceLine line) {
  std::vector<int> indices;
  for (int i = 0; i < static_cast<int>(core.entries.size()); ++i)
    if (internal::matches(pattern, core.entries[i].name)) indices.push_back(i);
  if (indices.empty())
    throw ValueError(error_text(
        op,
        fmt::format("no parameter's name matches \"{}\"{}", pattern, internal::closest_names(pattern, names_of(core))),
        line));
  return indices;
}

/// "adam.first_moment/affine1.weight", split: the name of a state has no '/'.
struct StateName {
  std::string_view state;
  int index;  // of the parameter
};

StateName take_apart(const char* op, const RegistryCore& core, std::string_view name, SourceLine line) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos || slash == 0)
    throw ValueError(error_text(
        op, fmt::format("\"{}\" does not name a state and a parameter, as in \"adam.first_moment/weight\"", name),
        line));
  const int index = find_parameter(op, core, name.substr(slash + 1), line);
  internal::check_trainable(op, core, index, line);
  return {name.substr(0, slash), index};
}

}  // namespace

Initializer::Initializer(const Tensor& values)
    : shape(values.shape()), fill([numbers = values.to(f64)](std::span<double> filled, std::uint64_t, std::uint32_t) {
        std::ranges::copy(numbers.data<double>(), filled.begin());
      }) {}

ParameterRegistry::ParameterRegistry(const RegistryOptions& options, SourceLine line) {
  check_registry_dtype("ParameterRegistry", options.dtype, line);
  core_ = std::make_shared<RegistryCore>(options.dtype, options.seed);
}

Parameter ParameterRegistry::add(std::string name, const Initializer& initializer, const ParameterOptions& options,
                                 SourceLine line) {
  if (name.empty()) throw ValueError(error_text("add", "a parameter's name is empty", line));
  if (core_->find(name) >= 0)
    throw ValueError(error_text("add", fmt::format("there is a parameter \"{}\" already", name), line));
  if (!initializer.fill)
    throw ValueError(error_text("add", fmt::format("the initializer of \"{}\" is empty", name), line));

  const internal::StorageHandle memory =
      internal::made_for("add", line, [&] { return internal::allocate_elements(initializer.shape, f64); });
  internal::keep_out_of_pool(*memory.get());
  const std::span values(static_cast<double*>(memory->data), static_cast<std::size_t>(initializer.shape.size()));
  std::ranges::fill(values, 0.0);
  initializer.fill(values, core_->seed, stream_of(0, name));

  parameters_.reserve(std::bit_ceil(parameters_.size() + 1));
  const WriteClaim claim = core_->claim_write("add", line);
  const int index = core_->append(std::move(name), initializer.shape, options.trainable);
  void* const data = core_->value_data(index);
  if (core_->dtype == f64)
    std::ranges::copy(values, static_cast<double*>(data));
  else
    std::ranges::transform(values, static_cast<float*>(data), [](double number) { return static_cast<float>(number); });
  return parameters_.emplace_back(core_, index);
}

Parameter ParameterRegistry::operator[](const NameArgument& name) const {
  return Parameter(core_, find_parameter("registry", *core_, name.name(), name.line()));
}

bool ParameterRegistry::contains(std::string_view name) const { return core_->find(name) >= 0; }

Selection ParameterRegistry::select(std::string_view pattern, SourceLine line) const {
  return Selection(core_, find_matching("select", *core_, pattern, line));
}

void ParameterRegistry::set_trainable(std::string_view pattern, bool trainable, SourceLine line) {
  std::vector<int> indices = find_matching("set_trainable", *core_, pattern, line);
  if (trainable && pattern.find('*') != std::string_view::npos)
    std::erase_if(indices, [&](int index) { return core_->entries[index].is_added_fixed; });
  const WriteClaim claim = core_->claim_layout("set_trainable", line);
  core_->set_trainable(indices, trainable);
}

int ParameterRegistry::size() const { return static_cast<int>(core_->entries.size()); }

std::int64_t ParameterRegistry::element_count(bool all) const {
  std::int64_t count = 0;
  for (const RegistryCore::Entry& entry : core_->entries)
    if (all || entry.trainable) count += entry.shape.size();
  return count;
}

DType ParameterRegistry::dtype() const { return core_->dtype; }
std::uint64_t ParameterRegistry::seed() const { return core_->seed; }

void ParameterRegistry::convert(DType dtype, SourceLine line) {
  check_registry_dtype("convert", dtype, line);
  const WriteClaim claim = core_->claim_layout("convert", line);
  if (dtype != core_->dtype) core_->convert(dtype);
}

std::vector<std::string> ParameterRegistry::state_names() const {
  std::vector<std::string> names;
  for (const RegistryCore::State& state : core_->states) names.push_back(state.name);
  return names;
}

Tensor ParameterRegistry::state(std::string_view name, SourceLine line) const {
  const StateName parts = take_apart("state", *core_, name, line);
  const int state = core_->find_state(parts.state);
  if (state < 0) {
    std::vector<std::string_view> names;
    for (const RegistryCore::State& known : core_->states) names.push_back(known.name);
    throw ValueError(error_text(
        "state", fmt::format("no state \"{}\"{}", parts.state, internal::closest_names(parts.state, names)), line));
  }
  const Shape& shape = core_->entries[parts.index].shape;
  return internal::copied(core_->state_data(state, parts.index), shape, core_->dtype);
}

void ParameterRegistry::set_state(std::string_view name, const Tensor& value, SourceLine line) {
  const StateName parts = take_apart("set_state", *core_, name, line);
  internal::check_fits("set_state", *core_, parts.index, value, line);
  const WriteClaim claim = core_->claim_write("set_state", line);
  const int state = core_->state_index(parts.state);
  if (value.size() > 0) std::memcpy(core_->state_data(state, parts.index), value.raw(), value.bytes());
}

}  // namespace thalweg
