#pragma once
// Structures that are too large for an attribute: the attribute is the address of a unique copy.

#include <bit>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>

namespace thalweg {

/// The address of the process's copy of `value`. Copies are never removed; programs have few different ones.
template <class T, class Less = std::less<T>>
std::uint64_t interned(const T& value) {
  static std::mutex* mutex = new std::mutex;  // never destroyed: tapes of static storage duration may use it at exit
  static auto* values = new std::set<T, Less>;
  const std::scoped_lock lock(*mutex);
  return reinterpret_cast<std::uintptr_t>(&*values->insert(value).first);
}

template <class T>
const T& interned_at(std::uint64_t attribute) {
  return *std::bit_cast<const T*>(static_cast<std::uintptr_t>(attribute));
}

}  // namespace thalweg
