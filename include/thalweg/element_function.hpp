#pragma once
// For authors of ops outside the library: an elementwise op from a plain functor.
//
//   struct Softsign {
//     template <class T>
//     T operator()(T x) const { return x / (1 + std::abs(x)); }
//   };
//   const ElementKernel softsign_kernel = element_function<Softsign>("softsign");
//
// The planner fuses such a kernel with the ops around it, just like the library's own. It is called on blocks of at
// most 128 numbers, which stay in the L1 cache, in a loop that compilers vectorize (-O2 is enough) for the instruction
// set this translation unit is compiled for.

#include <cstddef>
#include <type_traits>

#include <thalweg/element_kernel.hpp>

namespace thalweg {

namespace internal {

/// The number of arguments of type T that a functor takes, from 1 to 3; 0 if it cannot be called so.
template <class Function, class T>
constexpr int arity_of() {
  if constexpr (std::is_invocable_r_v<T, const Function&, T>) return 1;
  if constexpr (std::is_invocable_r_v<T, const Function&, T, T>) return 2;
  if constexpr (std::is_invocable_r_v<T, const Function&, T, T, T>) return 3;
  return 0;
}

template <class Function, class T>
T apply_to_element(const Function& function, const void* const* operands, std::size_t i) {
  const auto operand = [&](int which) { return static_cast<const T*>(operands[which])[i]; };
  constexpr int arity = arity_of<Function, T>();
  if constexpr (arity == 1) return function(operand(0));
  if constexpr (arity == 2) return function(operand(0), operand(1));
  if constexpr (arity == 3) return function(operand(0), operand(1), operand(2));
}

/// Works in blocks of constant length and through a local array, so that compilers vectorize without having to check
/// whether the result overlaps an operand.
template <class Function, class T>
void apply_to_arrays(const void* const* operands, void* result, std::size_t count) {
  constexpr std::size_t block = 16;
  const Function function{};
  T* const out = static_cast<T*>(result);
  std::size_t i = 0;
  for (; i + block <= count; i += block) {
    T values[block];
    for (std::size_t k = 0; k < block; ++k) values[k] = apply_to_element<Function, T>(function, operands, i + k);
    for (std::size_t k = 0; k < block; ++k) out[i + k] = values[k];
  }
  for (; i < count; ++i) out[i] = apply_to_element<Function, T>(function, operands, i);
}

template <class Function, class... Types>
ArrayFunction array_function(DType dtype) {
  ArrayFunction found = nullptr;
  ((dtype == dtype_of<Types>::value ? static_cast<void>(found = &apply_to_arrays<Function, Types>) : void()), ...);
  return found;
}

template <class Function, class First, class... Others>
constexpr ElementKernel make_element_function(const char* name, int cost) {
  constexpr int arity = arity_of<Function, First>();
  static_assert(arity > 0, "the functor takes one to three numbers of one type and returns one");
  static_assert(((arity_of<Function, Others>() == arity) && ...), "the functor takes as many numbers of every type");
  static_assert(std::is_empty_v<Function>, "the functor has no state: what varies is an operand");
  return {.name = name, .arity = arity, .cost = cost, .arrays = &array_function<Function, First, Others...>};
}

}  // namespace internal

/// The kernel of `Function`, a stateless functor from one to three numbers of one type to a number, for the listed
/// element types (by default f32 and f64). It must be pure, must not throw, and must give the same result for the same
/// numbers wherever they stand: compile with -ffp-contract=off if the instruction set includes fused multiply-adds.
/// `cost` is that of one element, roughly in additions. If a later stage of a pass needs a value that costs less than
/// 8, including what it is computed from, it is recomputed instead of stored.
template <class Function, class... Types>
constexpr ElementKernel element_function(const char* name, int cost = 8) {
  if constexpr (sizeof...(Types) == 0) {
    return internal::make_element_function<Function, float, double>(name, cost);
  } else {
    return internal::make_element_function<Function, Types...>(name, cost);
  }
}

}  // namespace thalweg
