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

struct ByteRows {
  const std::byte* input;
  std::int64_t input_stride;
  std::byte* output;
  std::int64_t output_stride;
  std::int64_t rows;

  template <class Copy>
  void for_each(const Copy& copy) const {
    const std::byte* from = input;
    std::byte* to = output;
    for (std::int64_t row = 0; row < rows; ++row, from += input_stride, to += output_stride) copy(to, from);
  }
};

template <std::size_t bytes>
void copy_known(const ByteRows& all) {
  all.for_each([](std::byte* to, const std::byte* from) { std::memcpy(to, from, bytes); });
}

/// Copies pieces of a fixed size; the last one overlaps the one before it.
template <std::size_t piece>
void copy_in_pieces(const ByteRows& all, std::size_t bytes) {
  all.for_each([&](std::byte* to, const std::byte* from) {
    for (std::size_t at = 0; at + piece <= bytes; at += piece) std::memcpy(to + at, from + at, piece);
    if (bytes % piece != 0) std::memcpy(to + bytes - piece, from + bytes - piece, piece);
  });
}

template <class T>
void copy_row(const T* input, T* output, std::int64_t count, std::int64_t stride) {
  if (stride == 1) {
    std::memcpy(output, input, static_cast<std::size_t>(count) * sizeof(T));
  } else if (stride == 0) {
    std::fill_n(output, count, *input);
  } else if (stride == -1) {  // of a flip; a constant stride is vectorized
    for (std::int64_t i = 0; i < count; ++i) output[i] = input[-i];
  } else {
    for (std::int64_t i = 0; i < count; ++i) output[i] = input[i * stride];
  }
}

/// Copies the two innermost dimensions; a transpose goes in tiles, so that it reads and writes whole cache lines.
template <class T>
void copy_plane(const T* input, T* output, std::int64_t rows, std::int64_t columns, std::int64_t row_stride,
                std::int64_t column_stride) {
  constexpr std::int64_t tile = 16;
  constexpr auto size = static_cast<std::int64_t>(sizeof(T));
  if (column_stride == 1) return copy_rows(input, row_stride * size, output, columns * size, rows, columns * size);
  if (column_stride == 0 || row_stride != 1) {
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

/// The axis whose elements are copied as the rows of a plane: the one before the last unless it is short, which would make
/// planes of little work. A transpose needs it.
int rows_of_planes(const Walk& walk) {
  constexpr std::int64_t enough = 8;
  const int before_last = walk.rank - 2;
  const bool has_whole_rows = walk.stride[walk.rank - 1] == 1;
  if (!has_whole_rows || walk.count[before_last] >= enough) return before_last;
  int longest = before_last;
  for (int axis = before_last; axis >= 0; --axis) {
    if (walk.count[axis] >= enough) return axis;
    if (walk.count[axis] > walk.count[longest]) longest = axis;
  }
  return longest;
}

template <class T>
void copy_walk(const T* input, T* output, const Walk& walk) {
  if (walk.rank == 1) return copy_row(input, output, walk.count[0], walk.stride[0]);
  const int columns = walk.rank - 1, rows = rows_of_planes(walk);
  std::int64_t output_stride[Shape::max_rank] = {}, elements = 1;
  for (int axis = walk.rank; axis-- > 0; elements *= walk.count[axis]) output_stride[axis] = elements;
  std::int64_t index[Shape::max_rank] = {};
  for (;;) {
    const T* from = input;
    T* to = output;
    for (int axis = 0; axis < columns; ++axis) from += index[axis] * walk.stride[axis];
    for (int axis = 0; axis < columns; ++axis) to += index[axis] * output_stride[axis];
    if (rows == columns - 1) {
      copy_plane(from, to, walk.count[rows], walk.count[columns], walk.stride[rows], walk.stride[columns]);
    } else {
      constexpr auto size = static_cast<std::int64_t>(sizeof(T));
      copy_rows(from, walk.stride[rows] * size, to, output_stride[rows] * size, walk.count[rows],
                walk.count[columns] * size);
    }
    int axis = columns - 1;
    for (; axis >= 0; --axis) {
      if (axis == rows) continue;
      if (++index[axis] < walk.count[axis]) break;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

}  // namespace

void copy_rows(const void* input, std::int64_t input_stride, void* output, std::int64_t output_stride,
               std::int64_t rows, std::int64_t bytes) {
  if (bytes == 0) return;
  constexpr std::size_t small = 256;  // beyond it the call of memcpy is cheap in comparison
  const ByteRows all{static_cast<const std::byte*>(input), input_stride, static_cast<std::byte*>(output), output_stride,
                     rows};
  const auto count = static_cast<std::size_t>(bytes);
  if (input_stride == bytes && output_stride == bytes)
    return static_cast<void>(std::memcpy(output, input, static_cast<std::size_t>(rows) * count));
  switch (count) {
    case 1: return copy_known<1>(all);
    case 4: return copy_known<4>(all);
    case 8: return copy_known<8>(all);
    case 16: return copy_known<16>(all);
    case 32: return copy_known<32>(all);
    case 64: return copy_known<64>(all);
    default: break;
  }
  if (count >= 16 && count <= small) return copy_in_pieces<16>(all, count);
  if (count >= 4 && count < 16) return copy_in_pieces<4>(all, count);
  all.for_each([&](std::byte* to, const std::byte* from) { std::memcpy(to, from, count); });
}

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
