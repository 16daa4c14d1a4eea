#pragma once
// Random numbers that depend on (seed, stream, draw number, position) and on nothing else: not on threads, on the width
// of vectors, or on what else was drawn. They come from Philox 4x32-10 (src/run/philox.hpp defines every element).

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

namespace thalweg {

/// The stream that a name gives within a parent stream: the 32-bit FNV-1a hash of the parent's four bytes, the lowest
/// first, and of the name.
constexpr std::uint32_t stream_of(std::uint32_t parent, std::string_view name) {
  std::uint32_t hash = 0x811C9DC5;
  const auto add = [&hash](std::uint32_t byte) { hash = (hash ^ byte) * 0x01000193; };
  for (int shift = 0; shift < 32; shift += 8) add(parent >> shift & 0xFF);
  for (const char character : name) add(static_cast<unsigned char>(character));
  return hash;
}

/// Where a draw's numbers come from: element e of the draw is a function of these and of e alone.
struct DrawSource {
  std::uint64_t seed = 0;
  std::uint64_t draw = 0;  // its number
  std::uint32_t stream = 0;
};

/// A source of draws: a seed, a stream, and the number of the next draw. Ops take it by reference and take their draw
/// number when they are recorded, so two draws in one expression are numbered in the order the compiler evaluates them;
/// write them in two statements where the order matters.
///
/// It is not copied, lest two draws be the same by accident; other threads and trials take a `split`, each its own. One
/// Random is used by one thread at a time.
class Random {
 public:
  explicit Random(std::uint64_t seed = 0, std::uint32_t stream = 0) : seed_(seed), stream_(stream) {}
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;
  Random(Random&&) = default;
  Random& operator=(Random&&) = default;

  std::uint64_t seed() const { return seed_; }
  std::uint32_t stream() const { return stream_; }

  /// The number of the draw that is made now.
  std::uint64_t next_draw() { return position_++; }
  /// The same, with all that its numbers depend on.
  DrawSource next_source() { return {.seed = seed_, .draw = next_draw(), .stream = stream_}; }

  /// A source of its own, at its first draw: the same for the same name, however much was drawn here before.
  Random split(std::string_view name) const { return Random(seed_, stream_of(stream_, name)); }

  /// How many draws were made: what a checkpoint keeps beside seed and stream.
  std::uint64_t position() const { return position_; }
  void set_position(std::uint64_t position) { position_ = position; }

 private:
  std::uint64_t seed_;
  std::uint64_t position_ = 0;
  std::uint32_t stream_;
};

// The numbers of a draw, for use outside a tape: initial values, batch orders.

/// Uniform in [0, 1); T is float or double.
template <std::floating_point T>
void fill_uniform(std::span<T> values, const DrawSource& source);

/// Standard normal; T is float or double.
template <std::floating_point T>
void fill_normal(std::span<T> values, const DrawSource& source);

/// Independent integers in [0, bound), as from drawing with replacement. ValueError where bound < 1.
void fill_indices(std::span<std::int64_t> values, std::int64_t bound, const DrawSource& source);

/// 0, 1, …, n − 1 in a random order, each order equally likely.
void fill_permutation(std::span<std::int64_t> values, const DrawSource& source);

}  // namespace thalweg
