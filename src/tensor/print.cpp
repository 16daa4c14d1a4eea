// Tensors as NumPy 2 prints them with its default options: 8 digits, lines of 75 columns, three items at each edge.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <thalweg/tensor.hpp>

#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

constexpr int precision = 8;
constexpr std::size_t line_width = 75;
constexpr std::int64_t summary_threshold = 1000;
constexpr std::int64_t edge_items = 3;

// ---- one number

/// A decimal number without padding: sign and integer part, fraction, sign and digits of the exponent (or nothing).
struct Decimal {
  std::string integer, fraction, exponent;
};

template <class T, class... Format>
std::string characters(T value, Format... format) {
  char buffer[512];
  const std::to_chars_result result = std::to_chars(buffer, buffer + sizeof buffer, value, format...);
  return {buffer, result.ptr};
}

Decimal split(const std::string& text) {
  const std::size_t exponent = std::min(text.find('e'), text.size());
  const std::size_t point = std::min(text.find('.'), exponent);
  Decimal decimal;
  decimal.integer = text.substr(0, point);
  if (point < exponent) decimal.fraction = text.substr(point + 1, exponent - point - 1);
  if (exponent < text.size()) decimal.exponent = text.substr(exponent + 1);
  decimal.fraction.erase(decimal.fraction.find_last_not_of('0') + 1);
  return decimal;
}

/// The fewest digits that round-trip, but at most `limit` after the point.
template <class T>
Decimal scientific(T value, int limit) {
  Decimal shortest = split(characters(value, std::chars_format::scientific));
  if (static_cast<int>(shortest.fraction.size()) <= limit) return shortest;
  return split(characters(value, std::chars_format::scientific, limit));
}

template <class T>
Decimal positional(T value, int limit) {
  const Decimal shortest = split(characters(value, std::chars_format::scientific));
  const int exponent = std::stoi(shortest.exponent);
  std::string digits = shortest.integer + shortest.fraction;
  std::string sign;
  if (digits.front() == '-') {
    sign = "-";
    digits.erase(0, 1);
  }
  if (static_cast<int>(digits.size()) - 1 - exponent > limit)
    return split(characters(value, std::chars_format::fixed, limit));
  if (exponent < 0) digits.insert(0, static_cast<std::size_t>(-exponent), '0');
  const std::size_t whole = exponent < 0 ? 1 : static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < whole) digits.resize(whole, '0');
  Decimal decimal{sign + digits.substr(0, whole), digits.substr(whole), {}};
  decimal.fraction.erase(decimal.fraction.find_last_not_of('0') + 1);
  return decimal;
}

template <class T>
std::string not_finite(T value) {
  return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
}

std::string scalar_text(bool value) { return value ? "True" : "False"; }
std::string scalar_text(std::int64_t value) { return fmt::to_string(value); }

template <std::floating_point T>
std::string scalar_text(T value) {
  if (!std::isfinite(value)) return not_finite(value);
  constexpr int all_digits = 400;
  const double limit = std::same_as<T, float> ? 1e6 : 1e16;
  const double magnitude = std::abs(static_cast<double>(value));
  if (magnitude == 0 || (magnitude >= 1e-4 && magnitude < limit)) {
    const Decimal decimal = positional(value, all_digits);
    return decimal.integer + "." + (decimal.fraction.empty() ? "0" : decimal.fraction);
  }
  const Decimal decimal = scientific(value, all_digits);
  return decimal.integer + (decimal.fraction.empty() ? "" : "." + decimal.fraction) + "e" + decimal.exponent;
}

// ---- the common format of a tensor's elements

/// Formats elements to the same width, with aligned points. Constructed from the elements that will be shown.
template <class T>
class ElementFormat {
 public:
  explicit ElementFormat(const std::vector<T>& shown) {
    for (const T value : shown) width_ = std::max(width_, scalar_text(value).size());
    if constexpr (std::same_as<T, bool>) width_ = 5;
  }
  std::string operator()(T value) const { return fmt::format("{:>{}}", scalar_text(value), width_); }

 private:
  std::size_t width_ = 0;
};

template <std::floating_point T>
class ElementFormat<T> {
 public:
  explicit ElementFormat(const std::vector<T>& shown) {
    is_scientific_ = wants_exponents(shown);
    std::size_t not_finite_width = 0;
    for (const T value : shown) {
      if (!std::isfinite(value)) {
        not_finite_width = std::max(not_finite_width, not_finite(value).size());
        continue;
      }
      const Decimal decimal = decimal_of(value);
      left_ = std::max(left_, decimal.integer.size());
      right_ = std::max(right_, decimal.fraction.size());
      exponent_digits_ = std::max(exponent_digits_, decimal.exponent.empty() ? 0 : decimal.exponent.size() - 1);
    }
    const std::size_t after_left = 1 + right_ + (is_scientific_ ? 2 + exponent_digits_ : 0);
    if (not_finite_width > left_ + after_left) left_ = not_finite_width - after_left;
    width_ = left_ + after_left;
  }

  std::string operator()(T value) const {
    if (!std::isfinite(value)) return fmt::format("{:>{}}", not_finite(value), width_);
    Decimal decimal = decimal_of(value);
    if (!is_scientific_) return fmt::format("{:>{}}.{:<{}}", decimal.integer, left_, decimal.fraction, right_);
    // Beyond the shortest digits, NumPy continues with exact digits, not with zeros.
    if (decimal.fraction.size() < right_)
      decimal = split(characters(value, std::chars_format::scientific, static_cast<int>(right_)));
    return fmt::format("{:>{}}.{:0<{}}e{}{:0>{}}", decimal.integer, left_, decimal.fraction, right_,
                       decimal.exponent.front(), decimal.exponent.substr(1), exponent_digits_);
  }

 private:
  static bool wants_exponents(const std::vector<T>& shown) {
    T largest = 0;
    T smallest = std::numeric_limits<T>::infinity();
    for (const T value : shown) {
      if (!std::isfinite(value) || value == 0) continue;
      largest = std::max(largest, std::abs(value));
      smallest = std::min(smallest, std::abs(value));
    }
    if (largest == 0) return false;
    const T limit = std::same_as<T, float> ? T(1e6) : T(1e8);
    return largest >= limit || smallest < T(1e-4) || largest / smallest > 1000;
  }
  Decimal decimal_of(T value) const {
    return is_scientific_ ? scientific(value, precision) : positional(value, precision);
  }

  bool is_scientific_ = false;
  std::size_t left_ = 0;             // sign and digits before the point
  std::size_t right_ = 0;            // digits after it
  std::size_t exponent_digits_ = 0;  // excluding the sign
  std::size_t width_ = 0;
};

// ---- brackets and lines

/// The indices along a dimension that are shown; −1 stands for the dots.
std::vector<std::int64_t> shown_positions(std::int64_t dimension, bool is_summary) {
  std::vector<std::int64_t> positions;
  for (std::int64_t i = 0; i < dimension; ++i) {
    if (is_summary && dimension > 2 * edge_items && i == edge_items) {
      positions.push_back(-1);
      i = dimension - edge_items;
    }
    positions.push_back(i);
  }
  return positions;
}

class NestedText {
 public:
  using Visit = std::function<void(std::int64_t element)>;
  using Word = std::function<std::string(std::int64_t element)>;

  explicit NestedText(const Shape& shape) : shape_(shape), is_summary_(shape.size() > summary_threshold) {}

  void for_each_shown(const Visit& visit) const { walk(0, 0, visit); }
  std::string text(const Word& word) const { return nested(0, 0, " ", line_width, word); }

 private:
  void walk(int axis, std::int64_t first, const Visit& visit) const {
    if (axis == shape_.rank()) return visit(first);
    for (const std::int64_t position : shown_positions(shape_[axis], is_summary_))
      if (position >= 0) walk(axis + 1, first * shape_[axis] + position, visit);
  }

  std::string nested(int axis, std::int64_t first, const std::string& indent, std::size_t width,
                     const Word& word) const {
    const bool is_row = axis + 1 == shape_.rank();
    const std::string separator = is_row ? " " : std::string(static_cast<std::size_t>(shape_.rank() - axis - 1), '\n');
    std::string text;
    std::string line = indent;
    bool is_first = true;
    for (const std::int64_t position : shown_positions(shape_[axis], is_summary_)) {
      if (!is_first) line += separator;
      if (!is_first && !is_row) line += indent;
      is_first = false;
      const std::int64_t element = first * shape_[axis] + position;
      const std::string item = position < 0 ? "..."
                               : is_row     ? word(element)
                                            : nested(axis + 1, element, indent + " ", width - 1, word);
      // Breaking an empty line would not help.
      if (is_row && line.size() + item.size() > width - 1 && line.size() > indent.size()) {
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
        line = indent;
      }
      line += item;
    }
    return "[" + (text + line).substr(indent.size()) + "]";
  }

  const Shape& shape_;
  bool is_summary_;
};

}  // namespace

std::string to_string(const Tensor& tensor) {
  if (tensor.size() == 0) return "[]";
  return internal::visit_dtype(tensor.dtype(), [&]<class T>() {
    const std::span<const T> elements = tensor.data<T>();
    if (tensor.rank() == 0) return scalar_text(elements[0]);
    const NestedText layout(tensor.shape());
    const auto element = [&](std::int64_t index) { return elements[static_cast<std::size_t>(index)]; };
    std::vector<T> shown;
    layout.for_each_shown([&](std::int64_t index) { shown.push_back(element(index)); });
    const ElementFormat<T> format(shown);
    return layout.text([&](std::int64_t index) { return format(element(index)); });
  });
}

}  // namespace thalweg
