#pragma once
// The element types of tensors.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace thalweg {

enum class DType : std::uint8_t { f32, f64, i64, boolean };

inline constexpr DType f32 = DType::f32;
inline constexpr DType f64 = DType::f64;
inline constexpr DType i64 = DType::i64;
inline constexpr DType boolean = DType::boolean;

/// "f32", "f64", "i64" or "bool".
const char* name(DType dtype);

/// Bytes of one element: 4, 8, 8, 1.
constexpr std::size_t size_of(DType dtype) { return dtype == DType::f32 ? 4 : dtype == DType::boolean ? 1 : 8; }

constexpr bool is_floating(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

/// The C++ types of elements.
template <class T>
concept Element =
    std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int64_t> || std::same_as<T, bool>;

/// Any C++ number; bool counts as one.
template <class T>
concept Number = std::is_arithmetic_v<T>;

/// The dtype of a C++ element type.
template <class T>
struct dtype_of;
template <>
struct dtype_of<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct dtype_of<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct dtype_of<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct dtype_of<bool> {
  static constexpr DType value = DType::boolean;
};

}  // namespace thalweg
