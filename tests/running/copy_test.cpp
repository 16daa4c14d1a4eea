#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "src/run/copy.hpp"
#include "tests/running/guarded_memory.hpp"
#include "tests/running/matmul_buffers.hpp"

namespace thalweg::run {

using namespace testing_matmul;

TEMPLATE_TEST_CASE("copy_strided transposes matrices of any size, and touches nothing beyond them", "[copy]",
                   std::uint8_t, std::uint32_t, std::uint64_t) {
  testing::GuardedMemory from_memory(std::size_t{1} << 16), to_memory(std::size_t{1} << 16);
  for (const std::int64_t rows : {1, 2, 3, 7, 8, 15, 16, 17, 33, 40})
    for (const std::int64_t columns : {1, 2, 4, 5, 8, 16, 19, 31, 32, 48})
      for (const std::int64_t gap : {0, 3}) {
        const std::int64_t stride = rows + gap;  // of the input's rows, which are the output's columns
        const auto count = static_cast<std::size_t>(columns * stride - gap);
        TestType* const from = from_memory.last<TestType>(count);
        TestType* const to = to_memory.last<TestType>(static_cast<std::size_t>(rows * columns));
        std::iota(from, from + count, TestType{1});
        StridedView view;
        view.strides[0] = 1;
        view.strides[1] = stride;
        INFO(rows << " × " << columns << ", gap " << gap);
        for_each_target([&](bool) {
          std::fill_n(to, rows * columns, TestType{0});
          copy_strided(from, to, thalweg::Shape{rows, columns}, view, sizeof(TestType));
          bool is_right = true;
          for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t column = 0; column < columns; ++column)
              is_right = is_right && to[row * columns + column] == from[column * stride + row];
          CHECK(is_right);
        });
      }
}

TEMPLATE_TEST_CASE("copy_strided transposes matrices that do not stay in the cache", "[copy]", std::uint32_t,
                   std::uint64_t) {
  for (const auto& [rows, columns, offset] :
       {std::tuple{2048, 1027, 0}, {1040, 2064, 0}, {1040, 2064, 4}, {1041, 2064, 0}}) {
    const auto count = static_cast<std::size_t>(rows * columns);
    std::vector<TestType> from(count), memory(count + 64);
    std::iota(from.begin(), from.end(), TestType{1});
    const std::size_t before = (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64 / sizeof(TestType);
    TestType* const to = memory.data() + before + offset;
    StridedView view;
    view.strides[0] = 1;
    view.strides[1] = rows;
    INFO(rows << " × " << columns << ", offset " << offset);
    for_each_target([&](bool) {
      std::fill(memory.begin(), memory.end(), TestType{0});
      copy_strided(from.data(), to, thalweg::Shape{rows, columns}, view, sizeof(TestType));
      bool is_right = true;
      for (int row = 0; row < rows; ++row)
        for (int column = 0; column < columns; ++column)
          is_right = is_right && to[row * columns + column] == from[static_cast<std::size_t>(column * rows + row)];
      CHECK(is_right);
      CHECK(std::count(memory.begin(), memory.end(), TestType{0}) == 64);
    });
  }
}

TEST_CASE("copy_rows copies rows of any length between any strides, and touches nothing beyond them", "[copy]") {
  testing::GuardedMemory from_memory(std::size_t{1} << 16), to_memory(std::size_t{1} << 16);
  for (const std::int64_t rows : {1, 2, 5})
    for (std::int64_t bytes = 0; bytes <= 320; ++bytes)
      for (const auto& [from_gap, to_gap] : {std::pair{0, 0}, {0, 3}, {16, 0}, {5, 8}}) {
        const std::int64_t from_stride = bytes + from_gap, to_stride = bytes + to_gap;
        const auto from_count = static_cast<std::size_t>(rows * from_stride - from_gap),
                   to_count = static_cast<std::size_t>(rows * to_stride - to_gap);
        auto* const from = from_memory.last<std::uint8_t>(from_count);
        auto* const to = to_memory.last<std::uint8_t>(to_count);
        std::iota(from, from + from_count, std::uint8_t{1});
        std::fill_n(to, to_count, std::uint8_t{0});
        copy_rows(from, from_stride, to, to_stride, rows, bytes);
        bool is_right = true;
        for (std::int64_t row = 0; row < rows; ++row)
          for (std::int64_t i = 0; i < to_stride && row * to_stride + i < static_cast<std::int64_t>(to_count); ++i)
            is_right = is_right && to[row * to_stride + i] == (i < bytes ? from[row * from_stride + i] : 0);
        INFO(rows << " rows of " << bytes << " bytes, gaps " << from_gap << " and " << to_gap);
        CHECK(is_right);
      }
}

TEST_CASE("copy_strided follows strides of any kind", "[copy]") {
  const auto copied = [](const thalweg::Shape& shape, const StridedView& view, const std::vector<std::uint32_t>& from) {
    std::vector<std::uint32_t> to(static_cast<std::size_t>(shape.size()));
    copy_strided(from.data(), to.data(), shape, view, sizeof(std::uint32_t));
    return to;
  };
  std::vector<std::uint32_t> from(40'000);
  std::iota(from.begin(), from.end(), 0U);
  std::mt19937 engine(3);
  for (int turn = 0; turn < 500; ++turn) {
    std::array<std::int64_t, 5> dimensions{};
    StridedView view;
    constexpr std::int64_t counts[] = {1, 2, 3, 8, 13}, strides[] = {0, 1, 1, 2, 8, 26, 200};
    for (std::size_t axis = 0; axis < 5; ++axis) {
      dimensions[axis] = counts[engine() % 5];
      view.strides[axis] = strides[engine() % 7] * (engine() % 5 == 0 ? -1 : 1);
    }
    if (turn % 3 == 0) view.strides[4] = 1;
    view.offset = 14'000;
    const thalweg::Shape shape(std::span<const std::int64_t>(dimensions.data(), 5));
    const std::vector<std::uint32_t> to = copied(shape, view, from);
    bool is_right = true;
    std::size_t at = 0;
    std::array<std::int64_t, 5> i{};
    for (i[0] = 0; i[0] < dimensions[0]; ++i[0])
      for (i[1] = 0; i[1] < dimensions[1]; ++i[1])
        for (i[2] = 0; i[2] < dimensions[2]; ++i[2])
          for (i[3] = 0; i[3] < dimensions[3]; ++i[3])
            for (i[4] = 0; i[4] < dimensions[4]; ++i[4]) {
              std::int64_t place = view.offset;
              for (std::size_t axis = 0; axis < 5; ++axis) place += i[axis] * view.strides[axis];
              is_right = is_right && to[at++] == from[static_cast<std::size_t>(place)];
            }
    CAPTURE(turn, to_string(shape));
    CHECK(is_right);
  }
}

}  // namespace thalweg::run
