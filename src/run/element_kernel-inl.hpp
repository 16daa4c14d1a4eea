// Per-target code, included once per SIMD target (see Highway's foreach_target.h): makes handlers of the vector machine
// from functors on vectors. A file of ops looks like this:
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "ops/activation.cpp"
//   #include <hwy/foreach_target.h>
//
//   #include "src/run/element_kernel-inl.hpp"
//
//   HWY_BEFORE_NAMESPACE();
//   namespace thalweg::HWY_NAMESPACE {
//   namespace {
//   struct Tanh {
//     template <class D, class V>
//     HWY_INLINE V operator()(D d, V x) const { … }
//   };
//   THALWEG_ELEMENT_HANDLERS(tanh_handlers, Tanh, 1, float, double)  // arity, element types
//   }  // namespace
//   }  // namespace thalweg::HWY_NAMESPACE
//   HWY_AFTER_NAMESPACE();
//
//   #if HWY_ONCE
//   namespace thalweg {
//   THALWEG_ELEMENT_KERNEL(tanh_kernel, tanh_handlers, "tanh", 1, 20)  // name, arity, cost
//   }
//   #endif
//
// A functor takes as many vectors as its arity. Truth values are 0 and 1. Lanes beyond the data are arbitrary: it must
// not trap on them. A static member `primitive` declares that it equals that primitive bit for bit; a static member
// `is_long` makes a handler loop over its 8 vectors instead of unrolling many instructions eight times.

#if defined(THALWEG_ELEMENT_KERNEL_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_ELEMENT_KERNEL_INL_HPP
#undef THALWEG_ELEMENT_KERNEL_INL_HPP
#else
#define THALWEG_ELEMENT_KERNEL_INL_HPP
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include <thalweg/element_kernel.hpp>

#include "src/run/sweep_machine.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using run::Instruction;
using run::State;

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
using Vector = hn::Vec<Tag<T>>;
template <class T>
inline constexpr std::size_t vector_lanes = hn::MaxLanes(Tag<T>());

/// a · b; i64 wraps (not every target multiplies 64-bit lanes).
template <class D, class V>
HWY_INLINE V multiply(D d, V a, V b) {
  if constexpr (hwy::IsFloat<hn::TFromD<D>>()) {
    (void)d;
    return hn::Mul(a, b);
  } else {
    const hn::RebindToUnsigned<D> wide;
    const hn::Repartition<std::uint32_t, D> narrow;
    const auto x = hn::BitCast(narrow, a), y = hn::BitCast(narrow, b);
    const auto x_high = hn::BitCast(narrow, hn::ShiftRight<32>(hn::BitCast(wide, a)));
    const auto y_high = hn::BitCast(narrow, hn::ShiftRight<32>(hn::BitCast(wide, b)));
    const auto cross = hn::Add(hn::MulEven(x_high, y), hn::MulEven(x, y_high));
    return hn::BitCast(d, hn::Add(hn::MulEven(x, y), hn::ShiftLeft<32>(cross)));
  }
}

/// Memory operand `index` of an instruction.
template <class T>
HWY_INLINE T* operand(const Instruction* instruction, const State* state, int index) {
  return reinterpret_cast<T*>(instruction->base[index] +
                              state->position.offset[static_cast<std::uint32_t>(instruction->address[index])]);
}

/// a = body(number, a) for every vector of the accumulator; F is the functor within the body.
template <class F = void, class Body, class V, class... Vectors>
HWY_INLINE void for_each_vector(const Body& body, V& first, Vectors&... others) {
  std::size_t number = 0;
  if constexpr (requires { F::is_long; } && sizeof...(others) > 0) {
    V vectors[] = {first, others...};
#pragma GCC unroll 1
    for (V& vector : vectors) vector = body(number++, vector);
    number = 1;
    first = vectors[0];
    ((others = vectors[number++]), ...);
  } else {
    first = body(number++, first);
    ((others = body(number++, others)), ...);
  }
}

#if THALWEG_ACCUMULATOR_IN_MEMORY

/// The two handlers of `Body`, which is made from (instruction, state) and called with references to the accumulator's
/// vectors.
template <class T, class Body>
struct Handlers {
  static void wide(const Instruction* instruction, State* state) {
    const Tag<T> d;
    constexpr std::size_t lanes = vector_lanes<T>;
    T* memory = reinterpret_cast<T*>(state->accumulator);
    auto a0 = hn::Load(d, memory), a1 = hn::Load(d, memory + lanes), a2 = hn::Load(d, memory + 2 * lanes),
         a3 = hn::Load(d, memory + 3 * lanes), a4 = hn::Load(d, memory + 4 * lanes),
         a5 = hn::Load(d, memory + 5 * lanes), a6 = hn::Load(d, memory + 6 * lanes),
         a7 = hn::Load(d, memory + 7 * lanes);
    const Body body(instruction, state);
    body(a0, a1, a2, a3, a4, a5, a6, a7);
    hn::Store(a0, d, memory), hn::Store(a1, d, memory + lanes), hn::Store(a2, d, memory + 2 * lanes);
    hn::Store(a3, d, memory + 3 * lanes), hn::Store(a4, d, memory + 4 * lanes), hn::Store(a5, d, memory + 5 * lanes);
    hn::Store(a6, d, memory + 6 * lanes), hn::Store(a7, d, memory + 7 * lanes);
  }

  static void narrow(const Instruction* instruction, State* state) {
    const Tag<T> d;
    T* memory = reinterpret_cast<T*>(state->accumulator);
    auto a = hn::Load(d, memory);
    const Body body(instruction, state);
    body(a);
    hn::Store(a, d, memory);
  }
};

using ErasedHandler = void (*)(const Instruction*, State*);

template <class T>
HWY_INLINE void run_wide_program(const Instruction* program, State* state) {
  for (; program->handler != nullptr; ++program) reinterpret_cast<ErasedHandler>(program->handler)(program, state);
}

template <class T>
HWY_INLINE void run_narrow_program(const Instruction* program, State* state) {
  run_wide_program<T>(program, state);
}

#else

template <class T>
using WideHandler = void (*)(const Instruction*, State*, Vector<T>, Vector<T>, Vector<T>, Vector<T>, Vector<T>,
                             Vector<T>, Vector<T>, Vector<T>);
template <class T>
using NarrowHandler = void (*)(const Instruction*, State*, Vector<T>);

/// The two handlers of `Body`, which is made from (instruction, state) and called with references to the accumulator's
/// vectors. The call at the end is a jump.
template <class T, class Body>
struct Handlers {
  using V = Vector<T>;

  static void wide(const Instruction* instruction, State* state, V a0, V a1, V a2, V a3, V a4, V a5, V a6, V a7) {
    const Body body(instruction, state);
    body(a0, a1, a2, a3, a4, a5, a6, a7);
    return reinterpret_cast<WideHandler<T>>(instruction[1].handler)(instruction + 1, state, a0, a1, a2, a3, a4, a5, a6,
                                                                    a7);
  }

  static void narrow(const Instruction* instruction, State* state, V a) {
    const Body body(instruction, state);
    body(a);
    return reinterpret_cast<NarrowHandler<T>>(instruction[1].handler)(instruction + 1, state, a);
  }
};

template <class T>
HWY_INLINE void run_wide_program(const Instruction* program, State* state) {
  const auto zero = hn::Zero(Tag<T>());
  reinterpret_cast<WideHandler<T>>(program->handler)(program, state, zero, zero, zero, zero, zero, zero, zero, zero);
}

template <class T>
HWY_INLINE void run_narrow_program(const Instruction* program, State* state) {
  reinterpret_cast<NarrowHandler<T>>(program->handler)(program, state, hn::Zero(Tag<T>()));
}

#endif

template <class T, class F>
struct UnaryBody {
  HWY_INLINE UnaryBody(const Instruction* /*instruction*/, State* /*state*/) {}
  template <class V>
  HWY_INLINE V operator()(std::size_t /*number*/, V a) const {
    return F()(Tag<T>(), a);
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    for_each_vector<F>(*this, a...);
  }
};

template <class T, class F, bool swapped>
struct BinaryBody {
  const T* memory;
  HWY_INLINE BinaryBody(const Instruction* instruction, State* state) : memory(operand<T>(instruction, state, 0)) {}
  template <class V>
  HWY_INLINE V operator()(std::size_t number, V a) const {
    const auto b = hn::LoadU(Tag<T>(), memory + number * vector_lanes<T>);
    if constexpr (swapped) return F()(Tag<T>(), b, a);
    return F()(Tag<T>(), a, b);
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    for_each_vector<F>(*this, a...);
  }
};

/// With both operands from memory, which saves the instruction that loads the first.
template <class T, class F>
struct MemoryBody {
  const T* first;
  const T* second;
  HWY_INLINE MemoryBody(const Instruction* instruction, State* state)
      : first(operand<T>(instruction, state, 0)), second(operand<T>(instruction, state, 1)) {}
  template <class V>
  HWY_INLINE V operator()(std::size_t number, V /*a*/) const {
    return F()(Tag<T>(), hn::LoadU(Tag<T>(), first + number * vector_lanes<T>),
               hn::LoadU(Tag<T>(), second + number * vector_lanes<T>));
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    for_each_vector<F>(*this, a...);
  }
};

template <class T, class F>
struct TernaryBody {
  const T* first;
  const T* second;
  HWY_INLINE TernaryBody(const Instruction* instruction, State* state)
      : first(operand<T>(instruction, state, 0)), second(operand<T>(instruction, state, 1)) {}
  template <class V>
  HWY_INLINE V operator()(std::size_t number, V a) const {
    return F()(Tag<T>(), a, hn::LoadU(Tag<T>(), first + number * vector_lanes<T>),
               hn::LoadU(Tag<T>(), second + number * vector_lanes<T>));
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    for_each_vector<F>(*this, a...);
  }
};

template <class Function>
HWY_INLINE Handler erased(Function* function) {
  return reinterpret_cast<Handler>(function);
}

template <class T, class F>
void apply_to_vector(const void* x, void* result) {
  const Tag<T> d;
  hn::StoreU(F()(d, hn::LoadU(d, static_cast<const T*>(x))), d, static_cast<T*>(result));
}

template <class T, class F, int arity>
const ElementHandlers& element_handlers() {
  static const ElementHandlers handlers = [] {
    ElementHandlers made;
    if constexpr (requires { F::primitive; }) made.primitive = F::primitive;
    if constexpr (arity == 1) {
      using Plain = Handlers<T, UnaryBody<T, F>>;
      made.wide = erased(&Plain::wide);
      made.narrow = erased(&Plain::narrow);
      if constexpr (requires { F::primitive; }) made.one_vector = &apply_to_vector<T, F>;
    } else if constexpr (arity == 2) {
      using Plain = Handlers<T, BinaryBody<T, F, false>>;
      using Swapped = Handlers<T, BinaryBody<T, F, true>>;
      made.wide = erased(&Plain::wide);
      made.narrow = erased(&Plain::narrow);
      made.wide_swapped = erased(&Swapped::wide);
      made.narrow_swapped = erased(&Swapped::narrow);
      using Memory = Handlers<T, MemoryBody<T, F>>;
      made.wide_memory = erased(&Memory::wide);
      made.narrow_memory = erased(&Memory::narrow);
    } else {
      static_assert(arity == 3);
      using Plain = Handlers<T, TernaryBody<T, F>>;
      made.wide = erased(&Plain::wide);
      made.narrow = erased(&Plain::narrow);
    }
    return made;
  }();
  return handlers;
}

/// The handlers of functor F for `dtype`; none if that is not one of Types.
template <class F, int arity, class... Types>
const ElementHandlers& handlers_of(DType dtype) {
  static const ElementHandlers none;
  const ElementHandlers* found = &none;
  ((dtype_of<Types>::value == dtype ? static_cast<void>(found = &element_handlers<Types, F, arity>())
                                    : static_cast<void>(0)),
   ...);
  return *found;
}

}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#ifndef THALWEG_ELEMENT_HANDLERS
/// For the per-target part: defines the handlers of Functor for the element types that follow the arity.
#define THALWEG_ELEMENT_HANDLERS(handlers, Functor, arity, ...) \
  const ElementHandlers& handlers(DType dtype) { return handlers_of<Functor, arity, __VA_ARGS__>(dtype); }
/// For the part under HWY_ONCE: defines the kernel, with the handlers of the SIMD target in use.
#define THALWEG_ELEMENT_KERNEL(kernel, handlers, text, arity, cost)                                              \
  HWY_EXPORT(handlers);                                                                                          \
  static const ElementHandlers& kernel##_handlers(DType dtype) { return HWY_DYNAMIC_DISPATCH(handlers)(dtype); } \
  static const ElementKernel kernel = {text, arity, cost, &kernel##_handlers};
#endif

#endif  // per-target guard
