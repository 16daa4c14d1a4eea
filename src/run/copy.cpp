#include "src/run/copy.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "src/run/matmul.hpp"

namespace thalweg::run {

namespace {

/// The dimensions of a copy, outermost first, without dimensions of 1 and with contiguous neighbors merged.
struct Walk {
  int rank = 0;
  std::int64_t count[Shape::max_rank] = {};
  std::int64_t stride[Shape::max_rank] = {};
};

Walk collapse(const Shape& shape, const StridedView& view) {
  Walk walk;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const std::int64_t count = shape[axis], stride = view.strides[axis];
    if (count == 1) continue;
    if (walk.rank > 0 && walk.stride[walk.rank - 1] == stride * count) {
      walk.count[walk.rank - 1] *= count;
      walk.stride[walk.rank - 1] = stride;
    } else {
      walk.count[walk.rank] = count;
      walk.stride[walk.rank++] = stride;
    }
  }
  if (walk.rank == 0) walk = {1, {1}, {1}};
  return walk;
}

template <class T>
void copy_row(const T* input, T* output, std::int64_t count, std::int64_t stride) {
  if (stride == 1) {
    std::memcpy(output, input, static_cast<std::size_t>(count) * sizeof(T));
  } else if (stride == 0) {
    std::fill_n(output, count, *input);
  } else {
    for (std::int64_t i = 0; i < count; ++i) output[i] = input[i * stride];
  }
}

/// Copies the two innermost dimensions; a transpose goes in tiles, so that it reads and writes whole cache lines.
template <class T>
void copy_plane(const T* input, T* output, std::int64_t rows, std::int64_t columns, std::int64_t row_stride,
                std::int64_t column_stride) {
  constexpr std::int64_t tile = 16;
  if (column_stride == 1 || column_stride == 0 || row_stride != 1) {
    for (std::int64_t row = 0; row < rows; ++row)
      copy_row(input + row * row_stride, output + row * columns, columns, column_stride);
    return;
  }
  if (sizeof(T) >= 4 && column_stride >= rows)
    return transpose(input, column_stride, columns, rows, output, columns, sizeof(T));
  for (std::int64_t row = 0; row < rows; row += tile)
    for (std::int64_t column = 0; column < columns; column += tile)
      for (std::int64_t r = row; r < std::min(rows, row + tile); ++r)
        for (std::int64_t c = column; c < std::min(columns, column + tile); ++c)
          output[r * columns + c] = input[r * row_stride + c * column_stride];
}

template <class T>
void copy_walk(const T* input, T* output, const Walk& walk) {
  if (walk.rank == 1) return copy_row(input, output, walk.count[0], walk.stride[0]);
  const int rows = walk.rank - 2, columns = walk.rank - 1;
  const std::int64_t plane = walk.count[rows] * walk.count[columns];
  std::int64_t index[Shape::max_rank] = {};
  for (;;) {
    const T* from = input;
    for (int axis = 0; axis < rows; ++axis) from += index[axis] * walk.stride[axis];
    copy_plane(from, output, walk.count[rows], walk.count[columns], walk.stride[rows], walk.stride[columns]);
    output += plane;
    int axis = rows - 1;
    for (; axis >= 0 && ++index[axis] == walk.count[axis]; --axis) index[axis] = 0;
    if (axis < 0) return;
  }
}

}  // namespace

void copy_strided(const void* input, void* output, const Shape& shape, const StridedView& view,
                  std::size_t element_bytes) {
  if (shape.size() == 0) return;
  const Walk walk = collapse(shape, view);
  switch (element_bytes) {
    case 1:
      return copy_walk(static_cast<const std::uint8_t*>(input) + view.offset, static_cast<std::uint8_t*>(output), walk);
    case 4:
      return copy_walk(static_cast<const std::uint32_t*>(input) + view.offset, static_cast<std::uint32_t*>(output),
                       walk);
    default:
      return copy_walk(static_cast<const std::uint64_t*>(input) + view.offset, static_cast<std::uint64_t*>(output),
                       walk);
  }
}

}  // namespace thalweg::run
