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

/// Shape and widest kind of number of a literal.
struct LiteralSurvey {
  std::vector<std::int64_t> dimensions;
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

  [[noreturn]] static void throw_ragged() {
    throw ShapeError(
        error_text("Tensor", "the braces are ragged: rows of one level must have the same length and depth"));
  }
};

template <Element To, class From>
To converted(From value) {
  if constexpr (std::same_as<To, bool>) {
    return value != From{0};
  } else if constexpr (std::same_as<To, std::int64_t> && std::floating_point<From>) {
    if (!internal::has_i64_value(value))
      throw ValueError(error_text("Tensor", fmt::format("{} has no i64 value", value)));
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <Element T>
T literal_value(const Literal& literal) {
  return literal.kind() == Literal::Kind::real ? converted<T>(literal.real()) : converted<T>(literal.integer());
}

template <Element T>
T* write_literal(std::initializer_list<Literal> values, T* out) {
  for (const Literal& value : values) {
    if (value.kind() == Literal::Kind::list)
      out = write_literal(value.values(), out);
    else
      *out++ = literal_value<T>(value);
  }
  return out;
}

Tensor from_literal(std::initializer_list<Literal> values, const DType* dtype) {
  LiteralSurvey survey;
  survey.add(values, 0);
  Tensor tensor =
      Tensor::empty(Shape(std::span<const std::int64_t>(survey.dimensions)), dtype ? *dtype : survey.dtype());
  visit_dtype(tensor.dtype(), [&]<class T>() { write_literal(values, tensor.mutable_data<T>().data()); });
  return tensor;
}

Tensor drawn(const char* op, const Shape& shape, Random& random, DType dtype, auto fill) {
  if (dtype != DType::f32 && dtype != DType::f64)
    throw DtypeError(error_text(op, fmt::format("draws are f32 or f64, not {}", name(dtype))));
  Tensor tensor = Tensor::empty(shape, dtype);
  if (dtype == DType::f32)
    fill(tensor.mutable_data<float>(), random.next_source());
  else
    fill(tensor.mutable_data<double>(), random.next_source());
  return tensor;
}

}  // namespace

Tensor::Tensor(std::initializer_list<Literal> values) : Tensor(from_literal(values, nullptr)) {}
Tensor::Tensor(std::initializer_list<Literal> values, DType dtype) : Tensor(from_literal(values, &dtype)) {}

Tensor Tensor::scalar(const Literal& value) {
  const DType dtype = value.kind() == Literal::Kind::real      ? DType::f32
                      : value.kind() == Literal::Kind::integer ? DType::i64
                                                               : DType::boolean;
  Tensor tensor = empty({}, dtype);
  visit_dtype(dtype, [&]<class T>() { *tensor.mutable_data<T>().data() = literal_value<T>(value); });
  return tensor;
}

// ---- making tensors

Tensor Tensor::empty(const Shape& shape, DType dtype) {
  return Tensor(internal::allocate_elements(shape, dtype), dtype, shape);
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) {
  Tensor tensor = empty(shape, dtype);
  std::memset(tensor.mutable_raw(), 0, tensor.bytes());
  return tensor;
}

Tensor Tensor::ones(const Shape& shape, DType dtype) { return full(shape, 1, dtype); }

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  if (dtype == DType::i64 && (std::trunc(value) != value || !internal::has_i64_value(value)))
    throw ValueError(error_text("full", fmt::format("{} has no i64 value", value)));
  Tensor tensor = empty(shape, dtype);
  visit_dtype(dtype, [&]<class T>() { std::ranges::fill(tensor.mutable_data<T>(), converted<T>(value)); });
  return tensor;
}

Tensor Tensor::arange(std::int64_t count, DType dtype) {
  if (count < 0) throw ValueError(error_text("arange", fmt::format("count {} is negative", count)));
  Tensor tensor = empty({count}, dtype);
  visit_dtype(dtype, [&]<class T>() {
    std::span<T> elements = tensor.mutable_data<T>();
    for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<T>(i);
  });
  return tensor;
}

Tensor Tensor::uniform(const Shape& shape, Random& random, DType dtype) {
  return drawn("uniform", shape, random, dtype,
               [](auto values, const DrawSource& source) { fill_uniform(values, source); });
}

Tensor Tensor::normal(const Shape& shape, Random& random, DType dtype) {
  return drawn("normal", shape, random, dtype,
               [](auto values, const DrawSource& source) { fill_normal(values, source); });
}

Tensor Tensor::copied(const void* values, std::size_t count, DType dtype, const Shape& shape) {
  if (static_cast<std::int64_t>(count) != shape.size())
    throw ShapeError(error_text(
        "from", fmt::format("{} values for shape {} of {} elements", count, to_string(shape), shape.size())));
  Tensor tensor = empty(shape, dtype);
  if (count > 0) std::memcpy(tensor.mutable_raw(), values, tensor.bytes());
  return tensor;
}

Tensor Tensor::borrowed(void* data, DType dtype, const Shape& shape, std::shared_ptr<void> owner) {
  if (data == nullptr && shape.size() > 0)
    throw ValueError(error_text("borrow", fmt::format("no memory for shape {}", to_string(shape))));
  const std::size_t bytes = static_cast<std::size_t>(shape.size()) * size_of(dtype);
  return Tensor(StorageHandle(Storage::borrow(data, bytes, std::move(owner))), dtype, shape);
}

void Tensor::unshare() {
  Tensor copy = empty(shape_, dtype_);
  std::memcpy(copy.storage_->data, storage_->data, bytes());
  *this = std::move(copy);
}

// ---- elements

std::int64_t Tensor::offset_of(const char* op, std::initializer_list<std::int64_t> index, SourceLine line) const {
  if (static_cast<int>(index.size()) != rank())
    throw IndexError(error_text(
        op, fmt::format("{} indices for shape {} of rank {}", index.size(), to_string(shape_), rank()), line));
  std::int64_t offset = 0;
  for (int axis = 0; axis < rank(); ++axis) {
    const std::int64_t given = index.begin()[axis];
    const std::int64_t size = shape_[axis];
    if (given < -size || given >= size)
      throw IndexError(
          error_text(op, fmt::format("index {} is out of range for axis {} of size {}", given, axis, size), line));
    offset = offset * size + (given < 0 ? given + size : given);
  }
  return offset;
}

double Tensor::item(SourceLine line) const {
  if (size() != 1)
    throw ShapeError(
        error_text("item", fmt::format("shape {} has {} elements, one is needed", to_string(shape_), size()), line));
  double value = 0;
  visit_dtype(dtype_, [&]<class T>() { value = static_cast<double>(data<T>()[0]); });
  return value;
}

// ---- other shapes and dtypes

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

Tensor Tensor::reshape(std::initializer_list<std::int64_t> dimensions, SourceLine line) const {
  return Tensor(storage_, dtype_, reshaped("reshape", shape_, std::span(dimensions.begin(), dimensions.size()), line));
}

Tensor Tensor::reshape(const Shape& shape, SourceLine line) const {
  return Tensor(storage_, dtype_, reshaped("reshape", shape_, std::span(shape.begin(), shape.end()), line));
}

Tensor Tensor::to(DType dtype, SourceLine line) const {
  if (dtype == dtype_) return *this;
  Tensor result = empty(shape_, dtype);
  internal::convert(raw(), dtype_, result.mutable_raw(), dtype, shape_, "to", line);
  return result;
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
