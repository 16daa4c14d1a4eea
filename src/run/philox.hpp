#pragma once
// The project's random numbers, defined one element at a time. This is the reference: vector code gives the same bits
// for uniforms, and normals that differ by what log and cos differ.
//
// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; 2011) turns a key and a
// counter into four words. The key is the seed; the counter holds a block's index within the draw, the draw number and
// the stream. So element e of a draw is a function of (seed, stream, draw, e): not of threads, splits or vector width.
//
// Elements are dealt out so that 16 consecutive elements share a word index and have consecutive counters: a vector of
// up to 16 lanes computes lanes, not words, and uses all of a counter's words in the following groups of 16.
//
//   numbers        of one element               counter                 words
//   f32 uniform    24 bits                      16·⌊e/64⌋ + e mod 16    ⌊e/16⌋ mod 4
//   f64 uniform    53 bits                      16·⌊e/32⌋ + e mod 16    2·(⌊e/16⌋ mod 2), the next
//   f32 normal     24 bits each for u1 and u2   16·⌊e/32⌋ + e mod 16    2·(⌊e/16⌋ mod 2) for u1, the next for u2
//   f64 normal     53 bits each for u1 and u2   e                       0, 1 for u1; 2, 3 for u2
//
// Uniforms lie in [0, 1): the high bits of the word (or of two words, the first one high), times 2^-24 or 2^-53.
// Normals are Box and Muller's cosine: sqrt(-2 ln u1)·cos(2π u2), u1 = (bits + 1)·2^-24 or -53 in (0, 1], u2 in [0, 1).

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include <thalweg/random.hpp>

namespace thalweg::run {

using thalweg::DrawSource;

using PhiloxKey = std::array<std::uint32_t, 2>;
using PhiloxBlock = std::array<std::uint32_t, 4>;

inline constexpr std::uint32_t philox_multiplier_0 = 0xD2511F53;
inline constexpr std::uint32_t philox_multiplier_1 = 0xCD9E8D57;
inline constexpr std::uint32_t philox_key_step_0 = 0x9E3779B9;
inline constexpr std::uint32_t philox_key_step_1 = 0xBB67AE85;
inline constexpr int philox_rounds = 10;

constexpr PhiloxBlock philox4x32(PhiloxKey key, PhiloxBlock counter) {
  for (int round = 0; round < philox_rounds; ++round) {
    const std::uint64_t product_0 = std::uint64_t{philox_multiplier_0} * counter[0];
    const std::uint64_t product_1 = std::uint64_t{philox_multiplier_1} * counter[2];
    counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product_1),
               static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product_0)};
    key[0] += philox_key_step_0;
    key[1] += philox_key_step_1;
  }
  return counter;
}

constexpr PhiloxKey philox_key(const DrawSource& source) {
  return {static_cast<std::uint32_t>(source.seed), static_cast<std::uint32_t>(source.seed >> 32)};
}

/// The counter of block `index` of a draw. The high halves of the index and of the draw number share word 1, from its
/// two ends: no two blocks of one stream have the same counter while both numbers stay below 2^48.
constexpr PhiloxBlock philox_counter(const DrawSource& source, std::uint64_t index) {
  const auto draw_high = static_cast<std::uint32_t>(source.draw >> 32);
  return {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32) ^ std::rotl(draw_high, 16),
          static_cast<std::uint32_t>(source.draw), source.stream};
}

constexpr PhiloxBlock philox_block(const DrawSource& source, std::uint64_t index) {
  return philox4x32(philox_key(source), philox_counter(source, index));
}

/// Where element e finds its numbers: the table above.
struct DrawPosition {
  std::uint64_t index = 0;  // of the block
  unsigned word = 0;        // the first of them
};

constexpr DrawPosition single_word_position(std::uint64_t element) {
  return {16 * (element / 64) + element % 16, static_cast<unsigned>(element / 16 % 4)};
}
constexpr DrawPosition two_word_position(std::uint64_t element) {
  return {16 * (element / 32) + element % 16, 2 * static_cast<unsigned>(element / 16 % 2)};
}

constexpr std::uint64_t join_words(std::uint32_t high, std::uint32_t low) { return std::uint64_t{high} << 32 | low; }

constexpr float uniform_from_bits(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24F; }
constexpr double uniform_from_bits(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

/// Sixty-four random bits of element e: what f64 uniforms are the upper 53 of.
constexpr std::uint64_t draw_bits(const DrawSource& source, std::uint64_t element) {
  const DrawPosition position = two_word_position(element);
  const PhiloxBlock block = philox_block(source, position.index);
  return join_words(block[position.word], block[position.word + 1]);
}

constexpr float uniform_f32(const DrawSource& source, std::uint64_t element) {
  const DrawPosition position = single_word_position(element);
  return uniform_from_bits(philox_block(source, position.index)[position.word]);
}

constexpr double uniform_f64(const DrawSource& source, std::uint64_t element) {
  return uniform_from_bits(draw_bits(source, element));
}

/// u1 in (0, 1], u2 in [0, 1).
inline double box_muller(double u1, double u2) {
  return std::sqrt(-2 * std::log(u1)) * std::cos(2 * std::numbers::pi * u2);
}

inline float normal_f32(const DrawSource& source, std::uint64_t element) {
  const DrawPosition position = two_word_position(element);
  const PhiloxBlock block = philox_block(source, position.index);
  const double u1 = uniform_from_bits(block[position.word]) + 0x1p-24;
  const double u2 = uniform_from_bits(block[position.word + 1]);
  return static_cast<float>(box_muller(u1, u2));
}

inline double normal_f64(const DrawSource& source, std::uint64_t element) {
  const PhiloxBlock block = philox_block(source, element);
  const double u1 = uniform_from_bits(join_words(block[0], block[1])) + 0x1p-53;
  const double u2 = uniform_from_bits(join_words(block[2], block[3]));
  return box_muller(u1, u2);
}

}  // namespace thalweg::run
