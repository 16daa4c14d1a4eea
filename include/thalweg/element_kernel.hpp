#pragma once
// An elementwise function as the engine runs it. The library's own are handlers of the vector machine, made from one
// generic functor over Highway vectors (see src/run/element_kernel-inl.hpp), one set per dtype, for the running CPU; those
// of other authors are functions on short arrays, which a handler of the machine calls (see element_function.hpp).

#include <cstddef>
#include <cstdint>

#include <thalweg/dtype.hpp>

namespace thalweg {

/// A handler's true type depends on the vector type; the vector machine casts it back.
using Handler = void (*)();

/// What the generator of machine code (src/run/sweep_generate.hpp) writes in line; other functions are called.
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
  equal,  // comparisons from here on
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  where,  // others from here on
  maximum,
  minimum,
  relu,
  relu_gradient,
  tanh_gradient,
  exp,
  expm1,
  tanh,
  sigmoid,
  log,  // these in f32 alone
  log1p,
  sin,
  cos,
};

/// The handlers of one elementwise function for one dtype; null where the function is not defined for it.
/// The first operand is the accumulator unless the form says otherwise; the others are read from memory.
struct ElementHandlers {
  Handler wide = nullptr;          // 8 vectors; accumulator ∘ memory (∘ memory)
  Handler narrow = nullptr;        // one vector, of which the first `lanes` count
  Handler wide_swapped = nullptr;  // two operands only: memory ∘ accumulator
  Handler narrow_swapped = nullptr;
  Handler wide_memory = nullptr;  // two operands only: memory ∘ memory
  Handler narrow_memory = nullptr;
  Primitive primitive = Primitive::none;
  /// A primitive of one operand, from memory to memory: for the arguments that the generator's code leaves out.
  void (*one_vector)(const void* x, void* result) = nullptr;
};

/// result[i] = f(operands[0][i], operands[1][i], …) for i < count: arrays of one dtype, the result apart from them. What
/// lies beyond the data may be any numbers, of which the results are not used.
using ArrayFunction = void (*)(const void* const* operands, void* result, std::size_t count);

/// A pure function of up to three numbers of one dtype. Truth values inside the machine are 0 and 1 of that dtype.
struct ElementKernel {
  const char* name = "";
  int arity = 1;
  /// Instructions of one element, roughly: 1 for add, 20 for tanh; below 8, with what it is made of, it is recomputed rather than stored.
  int cost = 1;
  /// Handlers by dtype (f32, f64, i64) for the running CPU; called once, when the kernel is first used.
  const ElementHandlers& (*handlers)(DType dtype) = nullptr;
  /// In their place: by dtype; null where the function is not defined for it.
  ArrayFunction (*arrays)(DType dtype) = nullptr;
};

}  // namespace thalweg
