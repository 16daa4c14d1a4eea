#pragma once
// The values of an eager tape's nodes, by id; those of some nodes are computed only when they are asked for.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <thalweg/tensor.hpp>

namespace thalweg::internal {

class EagerValues {
 public:
  bool has(std::int32_t id) const {
    const auto place = static_cast<std::size_t>(id);
    return place < values_.size() && values_[place].has_value();
  }
  /// The value of a node that has one.
  const Tensor& operator[](std::int32_t id) const {
    return *values_[static_cast<std::size_t>(id)];  // NOLINT(bugprone-unchecked-optional-access)
  }
  void set(std::int32_t id, Tensor value) {
    const auto place = static_cast<std::size_t>(id);
    if (place >= values_.size()) values_.resize(place + 1);
    values_[place] = std::move(value);
  }
  /// Drops those of nodes from `first` on.
  void forget(std::int32_t first) {
    if (values_.size() > static_cast<std::size_t>(first)) values_.resize(static_cast<std::size_t>(first));
  }
  void clear() { values_.clear(); }

 private:
  std::vector<std::optional<Tensor>> values_;
};

}  // namespace thalweg::internal
