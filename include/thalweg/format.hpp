#pragma once
// `fmt::print("{}", x)` and `std::cout << x` print a Tensor as NumPy does, and the value of a Var or Parameter.
// Printing a Var is a request, like `value()`. fmt passes on no source line, so errors of fmt::print name `print` only.
//
// Width and alignment work for all, as in `{:>12}`. Precision and number presentation, as in `{:.4f}`, work for tensors
// of one element; for others they throw a ShapeError.

#include <ostream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <thalweg/dtype.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/shape.hpp>
#include <thalweg/tape.hpp>
#include <thalweg/tensor.hpp>

namespace thalweg {

namespace internal {

/// var.value(), with errors that name `print`.
Tensor printed_value(const Var& var, SourceLine line);

/// Whether the text between `{:` and `}` formats a number: it has a precision, or ends in a number presentation.
constexpr bool is_number_format(std::string_view text) {
  if (text.size() > 1 && std::string_view("<>^").find(text[1]) != std::string_view::npos)
    text.remove_prefix(2);  // fill, alignment
  bool has_precision = false;
  char last = 0;
  int depth = 0;  // in the braces of `{:{}}`
  for (const char character : text) {
    if (character == '}' && depth == 0) break;
    if (character == '{') ++depth;
    if (character == '}') --depth;
    has_precision = has_precision || character == '.';
    last = character;
  }
  return has_precision || std::string_view("aAeEfFgG").find(last) != std::string_view::npos;
}

/// Formats a tensor as text, or the only element of one as a number.
class TensorFormatter {
 public:
  template <class Context>
  constexpr auto parse(Context& context) {
    const std::string_view text(context.begin(), static_cast<std::size_t>(context.end() - context.begin()));
    is_number_ = is_number_format(text);
    return is_number_ ? number_.parse(context) : text_.parse(context);
  }
  template <class Context>
  auto format(const Tensor& tensor, Context& context) const {
    return is_number_ ? number_.format(tensor.item({}), context) : text_.format(to_string(tensor), context);
  }

 private:
  fmt::formatter<double> number_;
  fmt::formatter<std::string_view> text_;
  bool is_number_ = false;
};

/// The operand of `std::cout << x` with its source line: an operator cannot have default arguments.
class PrintedValue {
 public:
  PrintedValue(const Var& var, SourceLine line = SourceLine::here()) : value_(printed_value(var, line)) {}
  PrintedValue(const Parameter& parameter) : value_(parameter.value()) {}

  const Tensor& value() const { return value_; }

 private:
  Tensor value_;
};

}  // namespace internal

inline std::ostream& operator<<(std::ostream& stream, const Tensor& tensor) { return stream << to_string(tensor); }
inline std::ostream& operator<<(std::ostream& stream, const internal::PrintedValue& printed) {
  return stream << printed.value();
}
inline std::ostream& operator<<(std::ostream& stream, const Shape& shape) { return stream << to_string(shape); }
inline std::ostream& operator<<(std::ostream& stream, DType dtype) { return stream << name(dtype); }

}  // namespace thalweg

template <>
struct fmt::formatter<thalweg::Tensor> : thalweg::internal::TensorFormatter {};

template <>
struct fmt::formatter<thalweg::Var> : thalweg::internal::TensorFormatter {
  template <class Context>
  auto format(const thalweg::Var& var, Context& context) const {
    return TensorFormatter::format(thalweg::internal::printed_value(var, {}), context);
  }
};

template <>
struct fmt::formatter<thalweg::Parameter> : thalweg::internal::TensorFormatter {
  template <class Context>
  auto format(const thalweg::Parameter& parameter, Context& context) const {
    return TensorFormatter::format(parameter.value(), context);
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
