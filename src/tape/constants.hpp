#pragma once
// The constants of a tape, whose tensors it holds until it ends: a list, linked through their slots.

#include <cstdint>
#include <utility>

#include <thalweg/internal/storage.hpp>
#include <thalweg/tensor.hpp>

#include "src/tape/node.hpp"

namespace thalweg::internal {

class Constants {
 public:
  /// Holds the tensor of constant `id`, whose slot this is.
  void hold(const Tensor& tensor, std::int32_t id, Slot& slot) {
    Storage* const storage = tensor.storage().get();
    slot.storage = storage;
    if (storage == nullptr) [[unlikely]]
      return;  // a default-constructed tensor
    slot.previous_constant = last_;
    last_ = id;
    storage->add_reference();
  }
  /// Gives up the constants from node `first` on. Returns those that nobody else holds, linked by next_free.
  Storage* let_go(std::int32_t first, const Slot* slots) {
    Storage* unused = nullptr;
    std::int32_t id = last_;
    while (id >= first) {
      Storage* const storage = slots[id].storage;
      id = slots[id].previous_constant;
      if (storage->drop_reference()) [[unlikely]] {
        storage->next_free = unused;
        unused = storage;
      }
    }
    last_ = id;
    return unused;
  }
  static void release(Storage* unused) {
    while (unused != nullptr) Storage::release(std::exchange(unused, unused->next_free));
  }

 private:
  std::int32_t last_ = -1;  // node id
};

}  // namespace thalweg::internal
