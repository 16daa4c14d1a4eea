#include <thalweg/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>

#include <fmt/format.h>

#include <thalweg/error.hpp>
#include <thalweg/random.hpp>

#include "src/tensor/allocations.hpp"
#include "src/tensor/convert.hpp"
#include "src/tensor/shape_error.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

using internal::Literal;
using internal::Storage;
using internal::StorageHandle;
using internal::visit_dtype;

const char* name(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::i64: return "i64";
    case DType::boolean: return "bool";
  }
  return "?";
}

void Tensor::throw_wrong_element_type(const char* op, DType asked, SourceLine line) const {
  throw DtypeError(error_text(
      op, fmt::format("the tensor is {}, its elements were asked for as {}", name(dtype_), name(asked)), line));
}

// ---- literals

namespace {

/// Uninitialized memory for the result of `op`.
Tensor made(const char* op, const Shape& shape, DType dtype, SourceLine line) {
  return Tensor(internal::made_for(op, line, [&] { return internal::allocate_elements(shape, dtype); }), dtype, shape);
}

/// Shape and widest number type of a literal.
struct LiteralSurvey {
  SourceLine line;
  std::vector<std::int64_t> dimensions = {};
  Literal::Kind kind = Literal::Kind::boolean;
  bool has_numbers = false;

  void add(std::initializer_list<Literal> values, std::size_t depth) {
    const bool is_first = depth == dimensions.size();
    if (is_first) dimensions.push_back(static_cast<std::int64_t>(values.size()));
    if (dimensions[depth] != static_cast<std::int64_t>(values.size())) throw_ragged();
    const bool is_innermost = values.size() == 0 || values.begin()->kind() != Literal::Kind::list;
    if (!is_first && is_innermost != (depth + 1 == dimensions.size())) throw_ragged();
    for (const Literal& value : values) {
      if ((value.kind() != Literal::Kind::list) != is_innermost) throw_ragged();
      if (is_innermost) {
        kind = std::max(kind, value.kind());
        has_numbers = true;
      } else {
        add(value.values(), depth + 1);
      }
    }
  }

  DType dtype() const {
    if (!has_numbers || kind == Literal::Kind::real) return DType::f32;
    return kind == Literal::Kind::integer ? DType::i64 : DType::boolean;
  }

  [[noreturn]] void throw_ragged() const {
    throw ShapeError(
        error_text("Tensor", "the braces are ragged: rows of one level must have the same length and depth", line));
  }
};

template <Element To, class From>
To converted(From value, SourceLine line) {
  if constexpr (std::same_as<To, bool>) {
    return value != From{0};
  } else if constexpr (std::same_as<To, std::int64_t> && std::floating_point<From>) {
    if (!internal::has_i64_value(value))
      throw ValueError(error_text("Tensor", fmt::format("{} has no i64 value", value), line));
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

Tensor filled(const char* op, const Shape& shape, double value, DType dtype, SourceLine line) {
  Tensor tensor = made(op, shape, dtype, line);
  visit_dtype(dtype, [&]<class T>() { std::ranges::fill(tensor.mutable_data<T>(), converted<T>(value, line)); });
  return tensor;
}

template <Element T>
T literal_value(const Literal& literal, SourceLine line = {}) {
  return literal.kind() == Literal::Kind::real ? converted<T>(literal.real(), line)
                                               : converted<T>(literal.integer(), line);
}

template <Element T>
T* write_literal(std::initializer_list<Literal> values, T* out, SourceLine line) {
  for (const Literal& value : values) {
    if (value.kind() == Literal::Kind::list)
      out = write_literal(value.values(), out, line);
    else
      *out++ = literal_value<T>(value, line);
  }
  return out;
}

Tensor from_literal(std::initializer_list<Literal> values, const DType* dtype, SourceLine line) {
  LiteralSurvey survey{line};
  survey.add(values, 0);
  const Shape shape(std::span<const std::int64_t>(survey.dimensions), line);
  Tensor tensor = made("Tensor", shape, dtype ? *dtype : survey.dtype(), line);
  visit_dtype(tensor.dtype(), [&]<class T>() { write_literal(values, tensor.mutable_data<T>().data(), line); });
  return tensor;
}

Tensor drawn(const char* op, const Shape& shape, Random& random, DType dtype, SourceLine line, auto fill) {
  if (dtype != DType::f32 && dtype != DType::f64)
    throw DtypeError(error_text(op, fmt::format("draws are f32 or f64, not {}", name(dtype)), line));
  Tensor tensor = made(op, shape, dtype, line);
  if (dtype == DType::f32)
    fill(tensor.mutable_data<float>(), random.next_source());
  else
    fill(tensor.mutable_data<double>(), random.next_source());
  return tensor;
}

}  // namespace

Tensor::Tensor(std::initializer_list<Literal> values, SourceLine line) : Tensor(from_literal(values, nullptr, line)) {}
Tensor::Tensor(std::initializer_list<Literal> values, DType dtype, SourceLine line)
    : Tensor(from_literal(values, &dtype, line)) {}

Tensor Tensor::scalar(const Literal& value) {
  const DType dtype = value.kind() == Literal::Kind::real      ? DType::f32
                      : value.kind() == Literal::Kind::integer ? DType::i64
                                                               : DType::boolean;
  Tensor tensor = empty({}, dtype);
  visit_dtype(dtype, [&]<class T>() { *tensor.mutable_data<T>().data() = literal_value<T>(value); });
  return tensor;
}

// ---- creating tensors

Tensor Tensor::empty(const Shape& shape, DType dtype, SourceLine line) { return made("empty", shape, dtype, line); }

Tensor Tensor::zeros(const Shape& shape, DType dtype, SourceLine line) {
  Tensor tensor = made("zeros", shape, dtype, line);
  std::memset(tensor.mutable_raw(), 0, tensor.bytes());
  return tensor;
}

Tensor Tensor::ones(const Shape& shape, DType dtype, SourceLine line) { return filled("ones", shape, 1, dtype, line); }

Tensor Tensor::full(const Shape& shape, double value, DType dtype, SourceLine line) {
  if (dtype == DType::i64 && (std::trunc(value) != value || !internal::has_i64_value(value)))
    throw ValueError(error_text("full", fmt::format("{} has no i64 value", value), line));
  return filled("full", shape, value, dtype, line);
}

Tensor Tensor::eye(std::int64_t size, DType dtype, SourceLine line) {
  if (size < 0) throw ValueError(error_text("eye", fmt::format("size {} is negative", size), line));
  Tensor tensor = filled("eye", Shape({size, size}, line), 0, dtype, line);
  visit_dtype(dtype, [&]<class T>() {
    const std::span<T> elements = tensor.mutable_data<T>();
    for (std::int64_t i = 0; i < size; ++i) elements[static_cast<std::size_t>(i * (size + 1))] = T{1};
  });
  return tensor;
}

Tensor Tensor::arange(std::int64_t count, DType dtype, SourceLine line) {
  if (count < 0) throw ValueError(error_text("arange", fmt::format("count {} is negative", count), line));
  return steps(0, count, 1, dtype, line);
}

Tensor Tensor::steps(std::int64_t start, std::int64_t stop, std::int64_t step, DType dtype, SourceLine line) {
  if (step == 0) throw ValueError(error_text("arange", "step is 0", line));
  const bool is_empty = step > 0 ? start >= stop : start <= stop;
  // Unsigned, since the distance between two i64 may not fit an i64.
  const auto from = static_cast<std::uint64_t>(start), by = static_cast<std::uint64_t>(step);
  const std::uint64_t distance =
      step > 0 ? static_cast<std::uint64_t>(stop) - from : from - static_cast<std::uint64_t>(stop);
  const std::uint64_t count = is_empty ? 0 : (distance - 1) / (step > 0 ? by : -by) + 1;
  Tensor tensor = made("arange", Shape({static_cast<std::int64_t>(count)}, line), dtype, line);
  visit_dtype(dtype, [&]<class T>() {
    const std::span<T> elements = tensor.mutable_data<T>();
    for (std::size_t i = 0; i < elements.size(); ++i)
      elements[i] = static_cast<T>(static_cast<std::int64_t>(from + i * by));
  });
  return tensor;
}

Tensor Tensor::linspace(double start, double stop, std::int64_t count, DType dtype, SourceLine line) {
  if (count < 0) throw ValueError(error_text("linspace", fmt::format("count {} is negative", count), line));
  if (dtype != DType::f32 && dtype != DType::f64)
    throw DtypeError(error_text("linspace", fmt::format("the numbers are f32 or f64, not {}", name(dtype)), line));
  Tensor tensor = made("linspace", Shape({count}, line), dtype, line);
  const double step = count > 1 ? (stop - start) / static_cast<double>(count - 1) : 0;
  internal::visit_floating(dtype, [&]<class T>() {
    const std::span<T> elements = tensor.mutable_data<T>();
    for (std::size_t i = 0; i < elements.size(); ++i)
      elements[i] = static_cast<T>(start + static_cast<double>(i) * step);
    if (count > 1) elements.back() = static_cast<T>(stop);  // exactly, in spite of rounding
  });
  return tensor;
}

Tensor Tensor::uniform(const Shape& shape, Random& random, DType dtype, SourceLine line) {
  return drawn("uniform", shape, random, dtype, line,
               [](auto values, const DrawSource& source) { fill_uniform(values, source); });
}

Tensor Tensor::normal(const Shape& shape, Random& random, DType dtype, SourceLine line) {
  return drawn("normal", shape, random, dtype, line,
               [](auto values, const DrawSource& source) { fill_normal(values, source); });
}

Tensor Tensor::copied(const void* values, std::size_t count, DType dtype, const Shape& shape, SourceLine line) {
  if (static_cast<std::int64_t>(count) != shape.size())
    throw ShapeError(error_text(
        "from", fmt::format("{} values for shape {} of {} elements", count, to_string(shape), shape.size()), line));
  Tensor tensor = made("from", shape, dtype, line);
  if (count > 0) std::memcpy(tensor.mutable_raw(), values, tensor.bytes());
  return tensor;
}

Tensor Tensor::borrowed(void* data, DType dtype, const Shape& shape, std::shared_ptr<void> owner, SourceLine line) {
  if (data == nullptr && shape.size() > 0)
    throw ValueError(error_text("borrow", fmt::format("no memory for shape {}", to_string(shape)), line));
  const std::size_t bytes = static_cast<std::size_t>(shape.size()) * size_of(dtype);
  return Tensor(StorageHandle(Storage::borrow(data, bytes, std::move(owner))), dtype, shape);
}

void Tensor::unshare() {
  Tensor copy = empty(shape(), dtype_);
  std::memcpy(copy.storage_->data, storage_->data, bytes());
  *this = std::move(copy);
}

// ---- elements

std::int64_t Tensor::offset_of(const char* op, internal::DimensionList index, SourceLine line) const {
  if (static_cast<int>(index.size()) != rank())
    throw IndexError(error_text(
        op, fmt::format("{} indices for shape {} of rank {}", index.size(), to_string(shape()), rank()), line));
  std::int64_t offset = 0;
  for (int axis = 0; axis < rank(); ++axis) {
    const std::int64_t given = index.begin()[axis];
    const std::int64_t size = shape()[axis];
    if (given < -size || given >= size)
      throw IndexError(
          error_text(op, fmt::format("index {} is out of range for axis {} of size {}", given, axis, size), line));
    offset = offset * size + (given < 0 ? given + size : given);
  }
  return offset;
}

void Tensor::check_is_one_element(SourceLine line) const {
  if (size() != 1)
    throw ShapeError(
        error_text("item", fmt::format("shape {} has {} elements, one is needed", to_string(shape()), size()), line));
}

double Tensor::item(SourceLine line) const {
  check_is_one_element(line);
  double value = 0;
  visit_dtype(dtype_, [&]<class T>() { value = static_cast<double>(data<T>()[0]); });
  return value;
}

// ---- changing shape and dtype

Shape reshaped(const char* op, const Shape& shape, std::span<const std::int64_t> dimensions, SourceLine line) {
  const auto fail = [&](const std::string& why) {
    std::string asked;
    for (const std::int64_t dimension : dimensions) asked += fmt::format("{}{}", asked.empty() ? "" : ", ", dimension);
    throw ShapeError(error_text(op,
                                fmt::format("{} of {} elements to ({}{}): {}", to_string(shape), shape.size(), asked,
                                            dimensions.size() == 1 ? "," : "", why),
                                line));
  };
  if (std::ranges::count(dimensions, -1) > 1) fail("only one dimension may be -1");
  if (std::ranges::any_of(dimensions, [](std::int64_t dimension) { return dimension < -1; }))
    fail("a dimension is negative");
  if (dimensions.size() > Shape::max_rank) fail(fmt::format("at most {} dimensions are possible", Shape::max_rank));

  std::array<std::int64_t, Shape::max_rank> result{};
  std::ranges::copy(dimensions, result.begin());
  const std::span<std::int64_t> filled(result.data(), dimensions.size());
  const auto open = std::ranges::find(filled, -1);
  if (open != filled.end()) *open = 1;
  const Shape known = internal::made_for(op, line, [&] { return Shape(std::span<const std::int64_t>(filled)); });
  if (open == filled.end()) {
    if (known.size() != shape.size()) fail(fmt::format("that is {} elements", known.size()));
    return known;
  }
  if (known.size() == 0) fail("-1 could be anything beside a 0");
  if (shape.size() % known.size() != 0) fail(fmt::format("{} is no multiple of {}", shape.size(), known.size()));
  *open = shape.size() / known.size();
  return Shape(std::span<const std::int64_t>(filled));
}

Shape reshaped(const char* op, const Shape& shape, internal::DimensionList dimensions, SourceLine line) {
  std::array<std::int64_t, Shape::max_rank + 1> numbers{};  // one more than is allowed, to be refused
  const std::size_t count = std::min(dimensions.size(), numbers.size());
  std::copy_n(dimensions.begin(), count, numbers.begin());
  return reshaped(op, shape, std::span<const std::int64_t>(numbers.data(), count), line);
}

Tensor Tensor::reshape(internal::DimensionList dimensions, SourceLine line) const {
  return Tensor(storage_, dtype_, reshaped("reshape", shape(), dimensions, line));
}

Tensor Tensor::reshape(const Shape& shape, SourceLine line) const {
  return Tensor(storage_, dtype_, reshaped("reshape", this->shape(), std::span(shape.begin(), shape.end()), line));
}

Tensor Tensor::to(DType dtype, SourceLine line) const {
  if (dtype == dtype_) return *this;
  Tensor result = made("to", shape(), dtype, line);
  try {
    internal::convert(raw(), dtype_, result.mutable_raw(), dtype, shape());
  } catch (const internal::NoI64Value& value) {
    throw ValueError(error_text("to", value.message, line));
  }
  return result;
}

Tensor nonzero(const Tensor& x) {
  const Shape& shape = x.shape();
  std::vector<std::int64_t> indices;
  std::int64_t count = 0;
  internal::visit_dtype(x.dtype(), [&]<class T>() {
    const std::span<const T> elements = x.data<T>();
    for (std::int64_t i = 0; i < x.size(); ++i) {
      if (elements[static_cast<std::size_t>(i)] == T{}) continue;
      ++count;
      std::int64_t rest = i, block = shape.size();
      for (const std::int64_t dimension : shape) {
        block /= dimension;
        indices.push_back(rest / block);
        rest %= block;
      }
    }
  });
  return Tensor::from(indices, {count, shape.rank()});
}

// ---- comparing

bool identical(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

bool all_close(const Tensor& a, const Tensor& b, double relative, double absolute) {
  if (!(a.shape() == b.shape())) return false;
  const Tensor a64 = a.to(DType::f64);
  const Tensor b64 = b.to(DType::f64);
  return std::ranges::equal(a64.data<double>(), b64.data<double>(), [=](double x, double y) {
    return x == y || (std::isfinite(y) && std::abs(x - y) <= absolute + relative * std::abs(y));
  });
}

}  // namespace thalweg
