#include <algorithm>
#include <cstdint>
#include <numeric>

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

}  // namespace thalweg::run
