#include "src/tensor/convert.hpp"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/tensor/visit.hpp"

namespace thalweg::internal {

namespace {

template <class From>
[[noreturn]] void throw_no_i64(From value, std::int64_t place, const Shape& shape) {
  std::array<std::int64_t, Shape::max_rank> index{};
  for (int axis = shape.rank(); axis-- > 0; place /= shape[axis])
    index[static_cast<std::size_t>(axis)] = place % shape[axis];
  const auto last = index.begin() + shape.rank();
  throw NoI64Value{
      fmt::format("{} at [{}] of {} has no i64 value", value, fmt::join(index.begin(), last, ", "), to_string(shape))};
}

template <class From, class To>
void convert(const From* from, To* to, const Shape& shape) {
  for (std::int64_t i = 0, count = shape.size(); i < count; ++i) {
    if constexpr (std::same_as<To, bool>) {
      to[i] = from[i] != From{};
    } else {
      if constexpr (std::same_as<To, std::int64_t> && std::floating_point<From>)
        if (!has_i64_value(from[i])) throw_no_i64(from[i], i, shape);
      to[i] = static_cast<To>(from[i]);
    }
  }
}

}  // namespace

void convert(const void* from, DType from_dtype, void* to, DType to_dtype, const Shape& shape) {
  visit_dtype(from_dtype, [&]<class From>() {
    visit_dtype(to_dtype, [&]<class To>() { convert(static_cast<const From*>(from), static_cast<To*>(to), shape); });
  });
}

}  // namespace thalweg::internal
