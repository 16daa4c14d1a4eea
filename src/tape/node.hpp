#pragma once
// The parts of a recorded node, separated into hot and cold: replay compares only the 32-byte Key.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <thalweg/op.hpp>

namespace thalweg::internal {

class RegistryCore;

/// The structural identity of a node. Numbers, tensors, source lines and versions are not part of it.
struct alignas(32) Key {
  const Op* op = nullptr;
  std::int32_t inputs[3] = {-1, -1, -1};  // node ids; where count > 3, inputs[0] names an interned list of them
  std::uint8_t count = 0;
  DType dtype = DType::f32;  // of a source
  std::uint16_t flags = 0;
  std::uint64_t attribute = 0;
};
// is_key builds a key in this layout in registers.
static_assert(sizeof(Key) == 32 && offsetof(Key, inputs) == 8 && offsetof(Key, count) == 20 &&
              offsetof(Key, attribute) == 24 && std::endian::native == std::endian::little);

constexpr std::uint16_t weak_flag = 1;   // a number, whose dtype yields to that of a tensor operand
constexpr std::uint16_t shape_flag = 2;  // a source whose attribute is the address of its interned shape

/// The upper half of a key's third word: the number of inputs, and a source's dtype and flags.
constexpr std::uint32_t traits_of(std::uint8_t count, DType dtype = DType::f32, std::uint16_t flags = 0) {
  return count | static_cast<std::uint32_t>(dtype) << 8 | std::uint32_t{flags} << 16;
}
inline std::uint32_t traits_of(const Key& key) { return traits_of(key.count, key.dtype, key.flags); }
static_assert(traits_of(3) == 3);

inline std::uint64_t word_of(const Key& key, std::size_t index) {
  std::uint64_t word;
  std::memcpy(&word, reinterpret_cast<const char*>(&key) + 8 * index, sizeof word);
  return word;
}

// Compares word by word: a vector load would stall on the stores that have just built the key.
inline bool operator==(const Key& a, const Key& b) {
  std::uint64_t differences = 0;
  for (std::size_t i = 0; i < 4; ++i) differences |= word_of(a, i) ^ word_of(b, i);
  return differences == 0;
}

/// Equals no recorded key: those have an op.
inline constexpr Key no_key{};

/// Whether this is the key of a node of up to three inputs. The other key stays in registers. `traits`: see traits_of.
inline bool is_key(const Key& key, const Op& op, std::int32_t a, std::int32_t b, std::int32_t c, std::uint32_t traits,
                   std::uint64_t attribute) {
  const auto pair = [](std::int32_t low, std::uint32_t high) {
    return static_cast<std::uint32_t>(low) | std::uint64_t{high} << 32;
  };
  const std::uint64_t differences = (word_of(key, 0) ^ reinterpret_cast<std::uintptr_t>(&op)) |
                                    (word_of(key, 1) ^ pair(a, static_cast<std::uint32_t>(b))) |
                                    (word_of(key, 2) ^ pair(c, traits)) | (word_of(key, 3) ^ attribute);
  return differences == 0;
}

/// Properties that follow from the key. Shapes are interned: equal shapes have the same address.
struct Info {
  const Shape* shape = nullptr;
  DType dtype = DType::f32;
  bool weak = false;
  std::uint8_t reserved[2] = {0, 0};
  std::int32_t origin = -1;  // for a node recorded by differentiation: the node it differentiates
};

/// The data of a source, which each recording supplies anew.
struct Slot {
  union {
    double number;
    Storage* storage;  // of a constant; the tape holds a reference
    RegistryCore* registry;
    std::uint64_t seed;
  };
  union {
    struct {
      std::uint32_t index;    // of the parameter
      std::uint32_t version;  // the registry's count of writes when it was read
    };
    struct {
      std::uint32_t stream;
      std::uint32_t draw;
    };
    std::int32_t previous_constant;  // the node of the constant recorded before it, −1: none
  };
};
static_assert(sizeof(Slot) == 16);

inline Slot number_slot(double number) {
  Slot slot{};
  slot.number = number;
  return slot;
}
/// A read of a registry in its present state.
inline Slot registry_slot(RegistryCore& registry, std::uint32_t index, std::uint32_t version) {
  Slot slot{};
  slot.registry = &registry;
  slot.index = index;
  slot.version = version;
  return slot;
}

struct Line {
  const char* file;
  std::uint32_t line;
  std::int32_t scope;  // index into the tape's scopes; −1: none

  SourceLine place() const { return {file, line}; }
};
/// One opening of a scope.
struct ScopeEntry {
  const char* name;
  std::int32_t parent;
  SourceLine line;
  const char* op;  // the outermost OpScope among this scope and its parents, which errors name; null: none
};

inline Line line_in_scope(SourceLine place, std::int32_t scope) {
  return {place.file, static_cast<std::uint32_t>(place.line), scope};
}

}  // namespace thalweg::internal
