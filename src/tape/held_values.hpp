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
    for (std::size_t i = values_.size(); i-- > 0;)
      if (values_[i].node == id) return &values_[i];
    return nullptr;
  }
  void add(std::int32_t id, DType dtype, const Shape* shape, const Segment* segment, StorageHandle storage) {
    values_.push_back({id, dtype, shape, segment, std::move(storage)});
  }
  /// Adds one in a pooled block; null, and nothing is added, if that would take an allocation.
  Storage* add_pooled(std::int32_t id, DType dtype, const Shape* shape, const Segment* segment) {
    Storage* const storage = values_.size() < values_.capacity() ? take_pooled(*shape, dtype) : nullptr;
    if (storage == nullptr) [[unlikely]]
      return nullptr;
    if (values_.size() == values_.capacity())
      __builtin_unreachable();  // else registers would be saved for the call that grows it
    values_.emplace_back(id, dtype, shape, segment, StorageHandle(storage));
    return storage;
  }
  /// The tensor of `value`, which nobody will ask for again.
  Tensor take(Value& value) {
    Tensor taken(std::move(value.storage), value.dtype, value.shape);
    if (&value == &values_.back()) values_.pop_back();
    return taken;
  }
  void forget(const Segment& segment) {
    std::erase_if(values_, [&](const Value& value) { return value.segment == &segment; });
  }

 private:
  std::vector<Value> values_;
};

}  // namespace thalweg::internal
