#pragma once
// The parts of a recorded node. Hot and cold apart: what replay compares is one 32-byte key.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <thalweg/op.hpp>

namespace thalweg::internal {

class RegistryCore;

/// What makes two nodes structurally equal. Numbers, tensors, source lines and versions are not in it.
struct alignas(32) Key {
  const Op* op = nullptr;
  std::int32_t inputs[3] = {-1, -1, -1};  // node ids; where count > 3, inputs[0] names an interned list of them
  std::uint8_t count = 0;
  DType dtype = DType::f32;  // of a source
  std::uint16_t flags = 0;
  std::uint64_t attribute = 0;
};
// The layout that Recorder::append builds in registers.
static_assert(sizeof(Key) == 32 && offsetof(Key, inputs) == 8 && offsetof(Key, count) == 20 &&
              offsetof(Key, attribute) == 24 && std::endian::native == std::endian::little);

constexpr std::uint16_t weak_flag = 1;   // a number: its dtype gives way to that of the tensor beside it
constexpr std::uint16_t shape_flag = 2;  // a source whose attribute is the address of its interned shape

// Compared as four words: a vector load would stall on the stores that have just built the key.
inline bool operator==(const Key& a, const Key& b) {
  std::uint64_t x[4], y[4];
  std::memcpy(x, &a, sizeof x);
  std::memcpy(y, &b, sizeof y);
  return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
}

/// The same where `b` has just been written part by part: to read it in words would stall, so these are made of the parts.
inline bool has_parts_of(const Key& a, const Key& b) {
  std::uint64_t words[4];
  std::memcpy(words, &a, sizeof words);
  const auto low = [](auto part) { return std::uint64_t{static_cast<std::uint32_t>(part)}; };
  const std::uint64_t inputs = low(b.inputs[0]) | low(b.inputs[1]) << 32;
  const std::uint64_t kind = low(b.inputs[2]) | (low(b.count) | low(b.dtype) << 8 | low(b.flags) << 16) << 32;
  return ((words[0] ^ reinterpret_cast<std::uintptr_t>(b.op)) | (words[1] ^ inputs) | (words[2] ^ kind) |
          (words[3] ^ b.attribute)) == 0;
}

/// What follows from the structure. Shapes are interned: equal shapes have one address.
struct Info {
  const Shape* shape = nullptr;
  DType dtype = DType::f32;
  bool weak = false;
  std::uint8_t reserved[2] = {0, 0};
  std::int32_t origin = -1;  // of a node made by differentiation: the node it differentiates
};

/// What a recording brings along anew each time: a source's data.
struct Slot {
  union {
    double number;
    Storage* storage;  // a constant's; the tape holds a reference
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
  };
};
static_assert(sizeof(Slot) == 16);

struct Line {
  const char* file;
  std::uint32_t line;
  std::int32_t scope;  // index into the tape's scopes, −1: none
};

}  // namespace thalweg::internal
