#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

#include <thalweg/threads.hpp>

#include "src/run/gather.hpp"

namespace run = thalweg::run;

namespace {

std::vector<std::uint8_t> all_bytes(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  return bytes;
}

/// `count` indices in [-rows, rows).
std::vector<std::int64_t> some_indices(std::int64_t count, std::int64_t rows) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < count; ++i) indices.push_back((i * 37 + 11) % (2 * rows) - rows);
  return indices;
}

std::size_t row_of(std::int64_t index, std::int64_t rows) {
  return static_cast<std::size_t>(index < 0 ? index + rows : index);
}

}  // namespace

TEST_CASE("gather_rows: rows of any length, from either end, on any number of threads", "[gather]") {
  const std::int64_t rows = 9;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{63}, std::size_t{64},
                                  std::size_t{65}, std::size_t{3136}, std::size_t{300'000}}) {
    const std::vector<std::uint8_t> data = all_bytes(static_cast<std::size_t>(rows) * bytes);
    for (const std::int64_t count : {0, 1, 2, 3, 40}) {
      const std::vector<std::int64_t> indices = some_indices(count, rows);
      const thalweg::Threads limit(bytes > 1000 ? 3 : 1);
      std::vector<std::uint8_t> output(indices.size() * bytes);
      run::gather_rows({data.data(), rows, bytes}, indices, output.data());
      for (std::size_t i = 0; i < indices.size(); ++i) {
        INFO(bytes << " bytes, place " << i);
        REQUIRE(std::equal(output.begin() + static_cast<std::ptrdiff_t>(i * bytes),
                           output.begin() + static_cast<std::ptrdiff_t>((i + 1) * bytes),
                           data.begin() + static_cast<std::ptrdiff_t>(row_of(indices[i], rows) * bytes)));
      }
    }
  }
}

TEST_CASE("gather_bytes: every byte by every divisor is the rounded quotient", "[gather]") {
  const std::vector<std::uint8_t> data = all_bytes(4 * 256);
  const std::vector<std::int64_t> indices = {3, -4, 1, 1};
  for (const std::size_t row : {std::size_t{256}, std::size_t{255}, std::size_t{7}}) {
    for (int divisor = 1; divisor <= 255; ++divisor) {
      std::vector<float> output(indices.size() * row, -1);
      run::gather_bytes({data.data(), 4, row}, indices, static_cast<float>(divisor), output.data());
      for (std::size_t i = 0; i < indices.size(); ++i)
        for (std::size_t j = 0; j < row; ++j) {
          INFO("divisor " << divisor << ", place " << i << ", " << j);
          const std::uint8_t byte = data[row_of(indices[i], 4) * row + j];
          REQUIRE(output[i * row + j] == static_cast<float>(static_cast<double>(byte) / divisor));
        }
    }
  }
}
