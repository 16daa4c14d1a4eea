#pragma once
// The values that a tape's requests were asked for, held until the tape ends.

#include <cstdint>
#include <utility>
#include <vector>

#include <thalweg/dtype.hpp>
#include <thalweg/internal/storage.hpp>
#include <thalweg/shape.hpp>
#include <thalweg/tensor.hpp>

#include "src/tensor/block_pool.hpp"

namespace thalweg::internal {

class Segment;

class HeldValues {
 public:
  struct Value {
    std::int32_t node;
    DType dtype;
    const Shape* shape;
    const Segment* segment;  // of the request
    StorageHandle storage;
  };

  bool empty() const { return values_.empty(); }
  void clear() { values_.clear(); }
  /// The value of node `id`; null if there is none.
  Value* find(std::int32_t id) {
    const auto node = static_cast<std::size_t>(id);
    if (node >= places_.size()) return nullptr;
    const std::size_t place = places_[node];
    return place < values_.size() && values_[place].node == id ? &values_[place] : nullptr;
  }
  void add(std::int32_t id, DType dtype, const Shape* shape, const Segment* segment, StorageHandle storage) {
    if (static_cast<std::size_t>(id) >= places_.size()) places_.resize(static_cast<std::size_t>(id) * 3 / 2 + 1);
    values_.push_back({id, dtype, shape, segment, std::move(storage)});
    places_[static_cast<std::size_t>(id)] = static_cast<std::uint32_t>(values_.size() - 1);
  }
  /// Adds one in a pooled block; null, and nothing is added, if that would take an allocation.
  Storage* add_pooled(std::int32_t id, DType dtype, const Shape* shape, const Segment* segment) {
    const bool has_room = values_.size() < values_.capacity() && static_cast<std::size_t>(id) < places_.size();
    Storage* const storage = has_room ? take_pooled(*shape, dtype) : nullptr;
    if (storage == nullptr) [[unlikely]]
      return nullptr;
    if (values_.size() == values_.capacity())
      __builtin_unreachable();  // else registers would be saved for the call that grows it
    places_[static_cast<std::size_t>(id)] = static_cast<std::uint32_t>(values_.size());
    values_.emplace_back(id, dtype, shape, segment, StorageHandle(storage));
    return storage;
  }
  /// The tensor of `value`, which nobody will ask for again.
  Tensor take(Value& value) {
    Tensor taken(std::move(value.storage), value.dtype, value.shape);
    if (&value == &values_.back()) values_.pop_back();
    return taken;
  }
  /// Drops those of the last request, which this segment ends.
  void forget(const Segment& segment) {
    while (!empty() && values_.back().segment == &segment) values_.pop_back();
  }

 private:
  std::vector<Value> values_;
  std::vector<std::uint32_t> places_;  // by node: where its value is in values_, if the value there is of this node
};

}  // namespace thalweg::internal
