#pragma once
// `fmt::print("{}", tensor)` prints as NumPy's print does. A width or alignment may follow: `{:>12}`.

#include <string>
#include <string_view>

#include <fmt/format.h>

#include <thalweg/dtype.hpp>
#include <thalweg/shape.hpp>
#include <thalweg/tensor.hpp>

template <>
struct fmt::formatter<thalweg::Tensor> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const thalweg::Tensor& tensor, Context& context) const {
    return fmt::formatter<std::string_view>::format(to_string(tensor), context);
  }
};

template <>
struct fmt::formatter<thalweg::Shape> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const thalweg::Shape& shape, Context& context) const {
    return fmt::formatter<std::string_view>::format(to_string(shape), context);
  }
};

template <>
struct fmt::formatter<thalweg::DType> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(thalweg::DType dtype, Context& context) const {
    return fmt::formatter<std::string_view>::format(name(dtype), context);
  }
};
