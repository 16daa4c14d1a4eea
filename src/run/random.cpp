#include <thalweg/random.hpp>

#include <algorithm>
#include <concepts>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <thalweg/error.hpp>

#include "src/run/philox.hpp"
#include "src/run/sweep_machine.hpp"

namespace thalweg {

namespace {

/// The words of the 16 counters that a group of consecutive elements shares, by word.
struct WordGroup {
  static constexpr std::size_t width = 16;
  std::uint32_t words[4][width];

  WordGroup(const DrawSource& source, std::size_t group) {
    for (std::size_t lane = 0; lane < width; ++lane) {
      const run::PhiloxBlock block = run::philox_block(source, width * group + lane);
      for (std::size_t word = 0; word < 4; ++word) words[word][lane] = block[word];
    }
  }
};

/// Calls write(element, its 64 bits) for each element (see run::draw_bits).
template <class Write>
void for_each_bits(std::size_t count, const DrawSource& source, Write&& write) {
  constexpr std::size_t elements = WordGroup::width * 2;
  for (std::size_t first = 0; first < count; first += elements) {
    const WordGroup group(source, first / elements);
    for (std::size_t i = 0; i < std::min(elements, count - first); ++i) {
      const std::size_t word = 2 * (i / WordGroup::width), lane = i % WordGroup::width;
      write(first + i, run::join_words(group.words[word][lane], group.words[word + 1][lane]));
    }
  }
}

/// As the sweeps draw.
template <class T>
void fill(std::span<T> values, const DrawSource& source, run::Distribution distribution) {
  const run::Machine& machine = run::machine(sizeof(T) == 8 ? DType::f64 : DType::f32);
  machine.draw_elements[static_cast<int>(distribution)](source, 0, values.size(), values.data());
}

/// ⌊bits · bound / 2^64⌋: 0 ≤ result < bound, uniform up to bound / 2^64.
std::size_t scaled(std::uint64_t bits, std::uint64_t bound) {
  return static_cast<std::size_t>(static_cast<unsigned __int128>(bits) * bound >> 64);
}

}  // namespace

template <std::floating_point T>
void fill_uniform(std::span<T> values, const DrawSource& source) {
  fill(values, source, run::Distribution::uniform);
}

template <std::floating_point T>
void fill_normal(std::span<T> values, const DrawSource& source) {
  fill(values, source, run::Distribution::normal);
}

void fill_indices(std::span<std::int64_t> values, std::int64_t bound, const DrawSource& source) {
  if (bound < 1) throw ValueError(error_text("fill_indices", fmt::format("bound {} is below 1", bound)));
  for_each_bits(values.size(), source, [&](std::size_t element, std::uint64_t bits) {
    values[element] = static_cast<std::int64_t>(scaled(bits, static_cast<std::uint64_t>(bound)));
  });
}

void fill_permutation(std::span<std::int64_t> values, const DrawSource& source) {
  std::iota(values.begin(), values.end(), 0);
  // Fisher and Yates, from the front: element i changes places with one of the i + 1 up to and with itself.
  for_each_bits(values.size(), source, [&](std::size_t element, std::uint64_t bits) {
    std::swap(values[element], values[scaled(bits, element + 1)]);
  });
}

template void fill_uniform<float>(std::span<float>, const DrawSource&);
template void fill_uniform<double>(std::span<double>, const DrawSource&);
template void fill_normal<float>(std::span<float>, const DrawSource&);
template void fill_normal<double>(std::span<double>, const DrawSource&);

}  // namespace thalweg
