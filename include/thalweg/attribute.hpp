#pragma once
// For authors of ops: an op's options as its attribute. They are part of the structure, so other options need another
// plan. Numbers that change from step to step should be operands instead.

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace thalweg {

/// Packs `options`, a plain struct of integers, bools and enumerations of at most 8 bytes, into an attribute.
template <class Options>
std::uint64_t attribute_of(const Options& options) {
  static_assert(std::is_trivially_copyable_v<Options> && sizeof(Options) <= sizeof(std::uint64_t));
  static_assert(std::has_unique_object_representations_v<Options>, "equal options must be equal bytes: no padding");
  std::uint64_t attribute = 0;
  std::memcpy(&attribute, &options, sizeof options);
  return attribute;
}

template <class Options>
Options options_of(std::uint64_t attribute) {
  static_assert(std::is_trivially_copyable_v<Options> && sizeof(Options) <= sizeof(std::uint64_t));
  Options options;
  std::memcpy(static_cast<void*>(&options), &attribute, sizeof options);
  return options;
}

}  // namespace thalweg
