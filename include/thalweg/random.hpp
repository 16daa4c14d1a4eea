#pragma once
// Random numbers that depend only on (seed, stream, draw number, position): not on threads, vector width, or other
// draws. The generator is Philox 4x32-10; src/run/philox.hpp defines every element.

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

namespace thalweg {

/// The stream of a name within a parent stream: the 32-bit FNV-1a hash of the parent's four bytes, lowest first,
/// followed by the name.
constexpr std::uint32_t stream_of(std::uint32_t parent, std::string_view name) {
  std::uint32_t hash = 0x811C9DC5;
  const auto add = [&hash](std::uint32_t byte) { hash = (hash ^ byte) * 0x01000193; };
  for (int shift = 0; shift < 32; shift += 8) add(parent >> shift & 0xFF);
  for (const char character : name) add(static_cast<unsigned char>(character));
  return hash;
}

/// What identifies a draw: element e is a function of these and of e alone.
struct DrawSource {
  std::uint64_t seed = 0;
  std::uint64_t draw = 0;  // its number
  std::uint32_t stream = 0;
};

/// A source of draws: a seed, a stream, and the number of the next draw. Ops take it by reference and take a draw
/// number when they are recorded. The compiler chooses the order of two draws within one expression; use two statements
/// if the order matters.
///
/// It cannot be copied, which would make two draws equal by accident; give each thread and each trial its own `split`.
/// A Random may be used by one thread at a time.
class Random {
 public:
  explicit Random(std::uint64_t seed = 0, std::uint32_t stream = 0) : seed_(seed), stream_(stream) {}
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;
  Random(Random&&) = default;
  Random& operator=(Random&&) = default;

  std::uint64_t seed() const { return seed_; }
  std::uint32_t stream() const { return stream_; }

  /// Takes the next draw number.
  std::uint64_t next_draw() { return position_++; }
  /// Takes the next draw number, and returns everything that identifies the draw.
  DrawSource next_source() { return {.seed = seed_, .draw = next_draw(), .stream = stream_}; }

  /// An independent source, at its first draw: always the same for the same name, regardless of draws made here.
  Random split(std::string_view name) const { return Random(seed_, stream_of(stream_, name)); }

  // One number, with the next draw number: for a program's own decisions.

  /// Uniform in [0, 1).
  double uniform();
  /// Standard normal.
  double normal();
  /// Each of 0, 1, …, bound − 1 with the same probability. ValueError for a bound below 1.
  std::int64_t index(std::int64_t bound);

  /// The number of draws made so far: a checkpoint saves it with seed and stream.
  std::uint64_t position() const { return position_; }
  void set_position(std::uint64_t position) { position_ = position; }

 private:
  std::uint64_t seed_;
  std::uint64_t position_ = 0;
  std::uint32_t stream_;
};

// The numbers of a draw, for use without a tape: initial values, batch orders.

/// Uniform in [0, 1). T is float or double.
template <std::floating_point T>
void fill_uniform(std::span<T> values, const DrawSource& source);

/// Standard normal. T is float or double.
template <std::floating_point T>
void fill_normal(std::span<T> values, const DrawSource& source);

/// Independent integers in [0, bound), as in sampling with replacement. ValueError for a bound below 1.
void fill_indices(std::span<std::int64_t> values, std::int64_t bound, const DrawSource& source);

/// 0, 1, …, n − 1 in a random order, each order equally likely.
void fill_permutation(std::span<std::int64_t> values, const DrawSource& source);

inline double Random::uniform() {
  double number = 0;
  fill_uniform(std::span(&number, 1), next_source());
  return number;
}

inline double Random::normal() {
  double number = 0;
  fill_normal(std::span(&number, 1), next_source());
  return number;
}

inline std::int64_t Random::index(std::int64_t bound) {
  std::int64_t number = 0;
  fill_indices(std::span(&number, 1), bound, next_source());
  return number;
}

}  // namespace thalweg
