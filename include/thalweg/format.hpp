#pragma once
// `fmt::print("{}", tensor)` prints as NumPy's print does, as does `std::cout << tensor`. A width or alignment may follow:
// `{:>12}`.

#include <ostream>
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

namespace thalweg {

inline std::ostream& operator<<(std::ostream& stream, const Tensor& tensor) { return stream << to_string(tensor); }
inline std::ostream& operator<<(std::ostream& stream, const Shape& shape) { return stream << to_string(shape); }
inline std::ostream& operator<<(std::ostream& stream, DType dtype) { return stream << name(dtype); }

}  // namespace thalweg
