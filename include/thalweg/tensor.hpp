#pragma once
// A value: dtype, shape, and a shared, contiguous, row-major, 64-byte-aligned buffer. No history.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <thalweg/dtype.hpp>
#include <thalweg/error.hpp>
#include <thalweg/internal/literal.hpp>
#include <thalweg/internal/storage.hpp>
#include <thalweg/shape.hpp>

namespace thalweg {

class Random;

namespace internal {
template <class Values>
using ElementOf = typename decltype(std::span(std::declval<const Values&>()))::value_type;
template <class Values>
concept ContiguousNumbers = Element<ElementOf<Values>> || std::integral<ElementOf<Values>>;
}  // namespace internal

template <Element T>
class OwnedElements;

/// An array of numbers. Copies share one buffer until one of them is written to: the writer then gets a buffer of its own.
class Tensor {
 public:
  /// An empty f32 tensor of shape (0,), without a buffer. A moved-from tensor becomes one.
  Tensor() = default;
  Tensor(const Tensor&) = default;
  Tensor(Tensor&& other) noexcept : storage_(std::move(other.storage_)), shape_(other.shape_), dtype_(other.dtype_) {
    other.become_empty();
  }
  Tensor& operator=(const Tensor&) = default;
  Tensor& operator=(Tensor&& other) noexcept {
    if (this == &other) return *this;
    // Given up last: nothing is called while `other` holds something, so what becomes of a temporary need not be written.
    internal::StorageHandle before(other.storage_.detach());
    std::swap(storage_, before);
    shape_ = other.shape_;
    dtype_ = other.dtype_;
    other.become_empty();
    return *this;
  }
  ~Tensor() = default;

  /// A 0-d tensor: `Tensor t = 2.5;` is f32, `Tensor n = 3;` is i64, `Tensor b = true;` is bool.
  template <Number T>
  Tensor(T value) : Tensor(scalar(internal::Literal(value))) {}  // NOLINT(google-explicit-constructor)

  /// Braces hold values, never a shape: `Tensor{{1., 2.}, {3., 4.}}`. All integers give i64, all bools bool, else f32.
  /// Throws ShapeError for ragged literals.
  Tensor(std::initializer_list<internal::Literal> values, SourceLine line = SourceLine::here());
  /// The same, with a given dtype: `Tensor({{1., 2.}, {3., 4.}}, f64)`.
  Tensor(std::initializer_list<internal::Literal> values, DType dtype, SourceLine line = SourceLine::here());

  /// Uninitialized memory. Throws ShapeError if the size in bytes overflows int64 or exceeds the available memory.
  static Tensor empty(const Shape& shape, DType dtype = DType::f32, SourceLine line = SourceLine::here());
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32, SourceLine line = SourceLine::here());
  static Tensor ones(const Shape& shape, DType dtype = DType::f32, SourceLine line = SourceLine::here());
  /// `value` converted to `dtype`; ValueError if that cannot represent it (0.5 or NaN as i64).
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32, SourceLine line = SourceLine::here());
  /// The identity matrix.
  static Tensor eye(std::int64_t size, DType dtype = DType::f32, SourceLine line = SourceLine::here());
  /// 0, 1, …, count − 1.
  static Tensor arange(std::int64_t count, DType dtype = DType::i64, SourceLine line = SourceLine::here());
  /// From `start` in steps of `step` up to, but not including, `stop`; ValueError for a step of 0. Integers only: for
  /// evenly spaced fractions use `linspace`.
  template <std::integral Start, std::integral Stop>
  static Tensor arange(Start start, Stop stop, std::int64_t step = 1, DType dtype = DType::i64,
                       SourceLine line = SourceLine::here()) {
    return steps(static_cast<std::int64_t>(start), static_cast<std::int64_t>(stop), step, dtype, line);
  }
  /// `count` evenly spaced numbers from `start` to `stop`, both included. DtypeError unless `dtype` is f32 or f64.
  static Tensor linspace(double start, double stop, std::int64_t count, DType dtype = DType::f32,
                         SourceLine line = SourceLine::here());
  /// Uniform in [0, 1), or standard normal: the next draw of `random`, with the same numbers as the ops `uniform` and
  /// `normal` give. DtypeError unless `dtype` is f32 or f64.
  static Tensor uniform(const Shape& shape, Random& random, DType dtype = DType::f32,
                        SourceLine line = SourceLine::here());
  static Tensor normal(const Shape& shape, Random& random, DType dtype = DType::f32,
                       SourceLine line = SourceLine::here());
  /// A copy of `values`: a std::vector, std::array, std::span or another contiguous range of numbers. Floats give f32,
  /// doubles f64, bools bool, other integers i64. ShapeError unless there are shape.size() of them.
  template <internal::ContiguousNumbers Values>
  static Tensor from(const Values& values, const Shape& shape, SourceLine line = SourceLine::here()) {
    const std::span numbers(values);
    if constexpr (Element<internal::ElementOf<Values>>) {
      return copied(numbers.data(), numbers.size(), dtype_of<internal::ElementOf<Values>>::value, shape, line);
    } else {
      const std::vector<std::int64_t> integers(numbers.begin(), numbers.end());
      return copied(integers.data(), integers.size(), DType::i64, shape, line);
    }
  }
  /// The same with one axis.
  template <internal::ContiguousNumbers Values>
  static Tensor from(const Values& values) {
    return from(values, Shape{std::span(values).size()}, SourceLine{});
  }
  /// The caller's memory, not copied; `owner` (may be empty) lives as long as any tensor refers to the memory. A write
  /// through the only such tensor goes to that memory; if there are several, the writer gets a copy.
  template <Element T>
  static Tensor borrow(T* data, const Shape& shape, std::shared_ptr<void> owner, SourceLine line = SourceLine::here()) {
    return borrowed(data, dtype_of<T>::value, shape, std::move(owner), line);
  }

  DType dtype() const { return dtype_; }
  /// The reference stays valid for the life of the process.
  const Shape& shape() const { return *shape_; }
  int rank() const { return shape_->rank(); }
  std::int64_t size() const { return shape_->size(); }
  std::size_t bytes() const { return static_cast<std::size_t>(size()) * size_of(dtype_); }

  /// The elements, row-major. Throws DtypeError if T is not this tensor's dtype.
  template <Element T>
  std::span<const T> data(SourceLine line = SourceLine::here()) const& {
    check_element_type("data", dtype_of<T>::value, line);
    return {static_cast<const T*>(raw()), static_cast<std::size_t>(size())};
  }
  /// On a temporary: the result keeps it alive, so `for (float x : parameter.value().data<float>())` is safe.
  template <Element T>
  OwnedElements<T> data(SourceLine line = SourceLine::here()) &&;
  /// The elements, writable. A shared buffer is copied first.
  template <Element T>
  std::span<T> mutable_data(SourceLine line = SourceLine::here()) {
    check_element_type("mutable_data", dtype_of<T>::value, line);
    return {static_cast<T*>(mutable_raw()), static_cast<std::size_t>(size())};
  }

  /// One element. Throws IndexError naming index, axis and size; DtypeError if T is not this dtype.
  /// Negative indices count from the back.
  template <Element T>
  T at(internal::DimensionList index, SourceLine line = SourceLine::here()) const {
    check_element_type("at", dtype_of<T>::value, line);
    return static_cast<const T*>(raw())[offset_of("at", index, line)];
  }
  template <Element T>
  void set(internal::DimensionList index, std::type_identity_t<T> value, SourceLine line = SourceLine::here()) {
    check_element_type("set", dtype_of<T>::value, line);
    const std::int64_t offset = offset_of("set", index, line);  // before anything is copied
    static_cast<T*>(mutable_raw())[offset] = value;
  }
  /// The only element, converted. Throws ShapeError if there is not exactly one.
  double item(SourceLine line = SourceLine::here()) const;
  /// The only element, exactly: `item<std::int64_t>()` of an index or a count. Throws DtypeError if T is not this dtype.
  template <Element T>
  T item(SourceLine line = SourceLine::here()) const {
    check_element_type("item", dtype_of<T>::value, line);
    check_is_one_element(line);
    return *static_cast<const T*>(raw());
  }

  /// The same elements in another shape, sharing the buffer. One dimension may be −1: it follows from the others.
  Tensor reshape(internal::DimensionList dimensions, SourceLine line = SourceLine::here()) const;
  Tensor reshape(const Shape& shape, SourceLine line = SourceLine::here()) const;
  /// Converted to `dtype` (shares the buffer if it already is). To i64: rounds toward zero; a value i64 cannot hold
  /// (NaN, inf, 1e30) is a ValueError with its index. To bool: all but 0 is true, even NaN.
  Tensor to(DType dtype, SourceLine line = SourceLine::here()) const;

  const void* raw() const { return storage_ ? storage_->data : nullptr; }
  /// A shared buffer is copied first.
  void* mutable_raw() {
    if (storage_.is_shared()) unshare();
    return storage_ ? storage_->data : nullptr;
  }
  /// Null for a default-constructed tensor.
  const internal::StorageHandle& storage() const { return storage_; }
  Tensor(internal::StorageHandle storage, DType dtype, const Shape& shape)
      : Tensor(std::move(storage), dtype, internal::intern_shape(shape)) {}
  /// `shape` must be interned.
  Tensor(internal::StorageHandle storage, DType dtype, const Shape* shape)
      : storage_(std::move(storage)), shape_(shape), dtype_(dtype) {}

 private:
  static Tensor scalar(const internal::Literal& value);
  static Tensor steps(std::int64_t start, std::int64_t stop, std::int64_t step, DType dtype, SourceLine line);
  static Tensor copied(const void* values, std::size_t count, DType dtype, const Shape& shape, SourceLine line);
  static Tensor borrowed(void* data, DType dtype, const Shape& shape, std::shared_ptr<void> owner, SourceLine line);
  void check_is_one_element(SourceLine line) const;
  void check_element_type(const char* op, DType asked, SourceLine line) const {
    if (asked != dtype_) throw_wrong_element_type(op, asked, line);
  }
  [[noreturn]] void throw_wrong_element_type(const char* op, DType asked, SourceLine line) const;
  void unshare();
  std::int64_t offset_of(const char* op, internal::DimensionList index, SourceLine line) const;
  /// Called once the buffer has been moved away.
  void become_empty() noexcept {
    shape_ = &internal::no_elements;
    dtype_ = DType::f32;
  }

  internal::StorageHandle storage_;
  const Shape* shape_ = &internal::no_elements;  // interned
  DType dtype_ = DType::f32;
};

/// The elements of a tensor, which this span keeps alive. A plain std::span made from it does not.
template <Element T>
class OwnedElements : public std::span<const T> {
 public:
  OwnedElements(std::span<const T> elements, Tensor owner) : std::span<const T>(elements), owner_(std::move(owner)) {}

 private:
  Tensor owner_;
};

template <Element T>
OwnedElements<T> Tensor::data(SourceLine line) && {
  const std::span<const T> elements = static_cast<const Tensor&>(*this).data<T>(line);
  return {elements, std::move(*this)};
}

namespace internal {
template <class X>
const Shape& shape_of(const X& x, SourceLine line) {
  if constexpr (requires { x.shape(line); }) {
    return x.shape(line);  // of a Var or parameter, which may be empty
  } else {
    return x.shape();
  }
}
}  // namespace internal

/// Zeros or ones with the shape and dtype of a tensor, Var or parameter.
template <class X>
Tensor zeros_like(const X& x, SourceLine line = SourceLine::here()) {
  const Shape& shape = internal::shape_of(x, line);  // first: it checks x
  return Tensor::zeros(shape, x.dtype(), line);
}
template <class X>
Tensor ones_like(const X& x, SourceLine line = SourceLine::here()) {
  const Shape& shape = internal::shape_of(x, line);  // first: it checks x
  return Tensor::ones(shape, x.dtype(), line);
}

/// `dimensions` as a new shape for a tensor of `shape`; one of them may be −1. Throws ShapeError naming `op`.
Shape reshaped(const char* op, const Shape& shape, std::span<const std::int64_t> dimensions, SourceLine line = {});
Shape reshaped(const char* op, const Shape& shape, internal::DimensionList dimensions, SourceLine line = {});

/// The indices of the elements that are not 0, or true, in row-major order: i64, (count, x.rank()), as PyTorch's. For the rows
/// of y for which a Var is true: gather(y, flatten(nonzero(mask.value()))).
Tensor nonzero(const Tensor& x);

/// Same dtype, shape and bits: NaN equals the same NaN, and 0 differs from −0.
bool identical(const Tensor& a, const Tensor& b);
/// Same shape, and |a − b| ≤ absolute + relative·|b| for every element, compared in f64. Equal infinities are close;
/// NaN is never close.
bool all_close(const Tensor& a, const Tensor& b, double relative = 1e-5, double absolute = 1e-8);
/// As NumPy prints: nested brackets, aligned columns, abbreviated with … above 1,000 elements.
std::string to_string(const Tensor& tensor);

}  // namespace thalweg
