#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "src/tensor/huge_pages.hpp"

namespace thalweg::run {

/// 64-byte aligned memory.
class AlignedMemory {
 public:
  AlignedMemory() = default;
  explicit AlignedMemory(std::size_t bytes) : block_(new std::byte[bytes + line]), bytes_(bytes) {
    internal::prefer_huge_pages(block_.get(), bytes + line);
    data_ = block_.get() + (line - reinterpret_cast<std::uintptr_t>(block_.get()) % line) % line;
  }
  std::byte* get() const { return data_; }
  /// At least so many bytes. If it grows, what was in it is lost.
  std::byte* at_least(std::size_t bytes) {
    if (bytes_ < bytes) {
      *this = AlignedMemory();  // first, so that there are never two
      *this = AlignedMemory(bytes);
    }
    return data_;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t line = 64;

  std::unique_ptr<std::byte[]> block_;
  std::size_t bytes_ = 0;
  std::byte* data_ = nullptr;
};

}  // namespace thalweg::run
