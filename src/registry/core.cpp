// The layout of a registry: parameters one after another in flat buffers, each on a boundary of 64 bytes.

#include "src/registry/core.hpp"

#include <algorithm>
#include <cstring>

#include <thalweg/op.hpp>

#include "src/tensor/allocations.hpp"

namespace thalweg::internal {

namespace {

constexpr std::int64_t alignment = 64;

std::int64_t padded(std::int64_t elements, DType dtype) {
  const std::int64_t step = alignment / static_cast<std::int64_t>(size_of(dtype));
  return (elements + step - 1) / step * step;
}

/// Copies `count` elements, f32 or f64, from one dtype to another.
void copy_elements(const void* source, DType from, void* target, DType to, std::int64_t count) {
  if (count == 0) return;
  if (from == to) {
    std::memcpy(target, source, static_cast<std::size_t>(count) * size_of(to));
  } else if (from == DType::f32) {
    std::copy_n(static_cast<const float*>(source), count, static_cast<double*>(target));
  } else {
    std::transform(static_cast<const double*>(source), static_cast<const double*>(source) + count,
                   static_cast<float*>(target), [](double value) { return static_cast<float>(value); });
  }
}

}  // namespace

void FlatBuffer::resize(std::size_t bytes) {
  const std::size_t capacity = storage_ ? storage_->bytes : 0;
  if (bytes > capacity) {
    StorageHandle grown(Storage::allocate(bytes_ == 0 ? bytes : std::max(bytes, capacity + capacity / 2)));
    keep_out_of_pool(*grown.get());
    if (bytes_ > 0) std::memcpy(grown->data, storage_->data, bytes_);
    storage_ = std::move(grown);
  }
  if (bytes > bytes_) std::memset(static_cast<char*>(storage_->data) + bytes_, 0, bytes - bytes_);
  bytes_ = bytes;
}

RegistryCore::RegistryCore(DType dtype, std::uint64_t seed) : dtype(dtype), seed(seed) { renew_uid(); }

void RegistryCore::renew_uid() {
  uid = last_uid.fetch_add(1, std::memory_order_relaxed) + 1;
  if (regions.empty()) return;  // so that adding many parameters takes linear time
  for (int i = 0; i < static_cast<int>(entries.size()); ++i)
    entries[static_cast<std::size_t>(i)].own_write = Write(last_write(i));
  regions.clear();
}

int RegistryCore::find(std::string_view name) const {
  const auto found = indices_.find(name);
  return found == indices_.end() ? -1 : found->second;
}

int RegistryCore::find_state(std::string_view name) const {
  for (std::size_t i = 0; i < states.size(); ++i)
    if (states[i].name == name) return static_cast<int>(i);
  return -1;
}

int RegistryCore::state_index(std::string_view name) {
  const int known = find_state(name);
  if (known >= 0) return known;
  states.push_back({std::string(name), FlatBuffer(dtype, trainable_elements)});
  return static_cast<int>(states.size()) - 1;
}

int RegistryCore::region_index(std::int64_t offset, const Shape& shape) {
  const Shape* const interned = intern_shape(shape);
  for (std::size_t i = 0; i < regions.size(); ++i)
    if (regions[i].offset == offset && regions[i].shape == interned) return static_cast<int>(i);
  regions.push_back({offset, interned, {}});
  return static_cast<int>(regions.size()) - 1;
}

int RegistryCore::append(std::string name, const Shape& shape, bool trainable) {
  std::int64_t& elements = trainable ? trainable_elements : fixed_elements;
  const std::int64_t grown = elements + padded(shape.size(), dtype);
  const std::size_t bytes = static_cast<std::size_t>(grown) * size_of(dtype);
  const Shape* interned = intern_shape(shape);
  renew_uid();  // before anything moves
  // What may throw comes first; a buffer that is longer than the layout does no harm.
  if (trainable) {
    trainable_values.resize(bytes);
    gradients.resize(bytes);
    for (State& state : states) state.buffer.resize(bytes);
  } else {
    fixed_values.resize(bytes);
  }
  const int index = static_cast<int>(entries.size());
  entries.push_back({.name = std::move(name),
                     .shape = shape,
                     .interned = interned,
                     .trainable = trainable,
                     .is_added_fixed = !trainable,
                     .trainable_since = uid,
                     .offset = elements,
                     .own_write = {.count = write_count, .writer = "", .line = {}}});
  indices_.emplace(entries.back().name, index);
  elements = grown;
  return index;
}

std::vector<bool> RegistryCore::trainable_flags() const {
  std::vector<bool> flags(entries.size());
  std::transform(entries.begin(), entries.end(), flags.begin(), [](const Entry& entry) { return entry.trainable; });
  return flags;
}

void RegistryCore::set_trainable(const std::vector<int>& indices, bool trainable) {
  std::vector<bool> flags = trainable_flags();
  for (const int index : indices) flags[static_cast<std::size_t>(index)] = trainable;
  lay_out(flags, dtype);
}

void RegistryCore::convert(DType to) { lay_out(trainable_flags(), to); }

void RegistryCore::lay_out(const std::vector<bool>& trainable, DType to) {
  std::vector<std::int64_t> offsets;
  std::int64_t trainable_length = 0, fixed_length = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::int64_t& length = trainable[i] ? trainable_length : fixed_length;
    offsets.push_back(length);
    length += padded(entries[i].shape.size(), to);
  }

  FlatBuffer new_values(to, trainable_length), new_fixed(to, fixed_length), new_gradients(to, trainable_length);
  std::vector<FlatBuffer> new_states;
  for (std::size_t s = 0; s < states.size(); ++s) new_states.emplace_back(to, trainable_length);

  for (std::size_t i = 0; i < entries.size(); ++i) {
    const int index = static_cast<int>(i);
    const auto move = [&](const char* from, const FlatBuffer& buffer) {
      char* target = static_cast<char*>(buffer.data()) + static_cast<std::size_t>(offsets[i]) * size_of(to);
      copy_elements(from, dtype, target, to, entries[i].shape.size());
    };
    move(value_data(index), trainable[i] ? new_values : new_fixed);
    // A parameter that was frozen, or is from now on, has no gradient and no state to move.
    if (!trainable[i] || !entries[i].trainable) continue;
    move(gradient_data(index), new_gradients);
    for (std::size_t s = 0; s < states.size(); ++s) move(state_data(static_cast<int>(s), index), new_states[s]);
  }

  // Nothing throws from here on.
  renew_uid();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (trainable[i] && !entries[i].trainable) entries[i].trainable_since = uid;
    entries[i].trainable = trainable[i];
    entries[i].offset = offsets[i];
  }
  trainable_values = std::move(new_values);
  fixed_values = std::move(new_fixed);
  gradients = std::move(new_gradients);
  for (std::size_t s = 0; s < states.size(); ++s) states[s].buffer = std::move(new_states[s]);
  trainable_elements = trainable_length;
  fixed_elements = fixed_length;
  dtype = to;
}

}  // namespace thalweg::internal
