#pragma once
// An elementwise function as the engine runs it. The library's own are handlers of the vector machine: one set per
// dtype and SIMD target, made from one generic functor over Highway vectors (see src/run/element_kernel-inl.hpp). Those
// of other authors work on short arrays, and a handler of the machine calls them (see element_function.hpp).

#include <cstddef>
#include <cstdint>

#include <thalweg/dtype.hpp>

namespace thalweg {

/// A type-erased handler: its real signature depends on the vector type, and the vector machine casts it back.
using Handler = void (*)();

/// The functions that the JIT (src/run/sweep_generate.hpp) emits inline; it calls all others.
enum class Primitive : std::uint8_t {
  none,
  add,
  subtract,
  multiply,
  divide,
  negate,
  absolute,
  square,
  sqrt,
  sign,
  chain,
  equal,  // first comparison
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  where,  // first after the comparisons
  maximum,
  minimum,
  relu,
  relu_gradient,
  tanh_gradient,
  exp,
  expm1,
  tanh,
  sigmoid,
  log,  // from here on in f32 only
  log1p,
  sin,
  cos,
  erfc,
};

/// The handlers of one elementwise function for one dtype; null if the function is not defined for it.
/// Unless the form says otherwise, the first operand is the accumulator and the others are in memory.
struct ElementHandlers {
  Handler wide = nullptr;          // 8 vectors; accumulator ∘ memory (∘ memory)
  Handler narrow = nullptr;        // one vector, of which the first `lanes` are valid
  Handler wide_swapped = nullptr;  // two operands only: memory ∘ accumulator
  Handler narrow_swapped = nullptr;
  Handler wide_memory = nullptr;  // two operands only: memory ∘ memory
  Handler narrow_memory = nullptr;
  Primitive primitive = Primitive::none;
  /// A unary primitive on one vector, from memory to memory: for rare arguments that the JIT does not handle inline.
  void (*one_vector)(const void* x, void* result) = nullptr;
};

/// result[i] = f(operands[0][i], operands[1][i], …) for i < count, on arrays of one dtype that do not overlap the
/// result. Some elements may be arbitrary numbers beyond the data, whose results are not used.
using ArrayFunction = void (*)(const void* const* operands, void* result, std::size_t count);

/// A pure function of up to three numbers of one dtype. Inside the machine, truth values are 0 and 1 of that dtype.
struct ElementKernel {
  const char* name = "";
  int arity = 1;
  /// Rough instructions per element: 1 for add, 20 for tanh. A value of total cost below 8 is recomputed, not kept.
  int cost = 1;
  /// Handlers by dtype (f32, f64, i64) for the SIMD target in use; called when the kernel is first used.
  const ElementHandlers& (*handlers)(DType dtype) = nullptr;
  /// Instead of handlers, a function on arrays by dtype; null if the kernel is not defined for the dtype.
  ArrayFunction (*arrays)(DType dtype) = nullptr;
};

}  // namespace thalweg
