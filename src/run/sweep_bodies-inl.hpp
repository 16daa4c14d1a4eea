// Per-target code of the vector machine: the bodies of the instructions other than element kernels.

#if defined(THALWEG_SWEEP_BODIES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_SWEEP_BODIES_INL_HPP
#undef THALWEG_SWEEP_BODIES_INL_HPP
#else
#define THALWEG_SWEEP_BODIES_INL_HPP
#endif

#include <algorithm>
#include <cstring>

#include "src/run/element_kernel-inl.hpp"
#include "src/run/sweep_draw-inl.hpp"
#include "src/run/sweep_reduce-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

using run::Address;
using run::Reduction;

/// Loads vector `number` of an operand, accessing only the first `lanes` elements of the block; 0 beyond.
template <class T>
HWY_INLINE Vector<T> load_partial(const T* memory, std::size_t number, std::int64_t lanes, T* bounce) {
  const Tag<T> d;
  constexpr std::size_t width = vector_lanes<T>;
  const std::size_t first = number * width, count = static_cast<std::size_t>(lanes);
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET <= HWY_AVX3
  (void)bounce;  // masked loads do not fault
  return hn::MaskedLoad(hn::FirstN(d, count > first ? std::min(count - first, width) : 0), d, memory + first);
#else
  if (first + width <= count) return hn::LoadU(d, memory + first);
  if (first >= count) return hn::Zero(d);
  T* place = bounce + first;
  hn::Store(hn::Zero(d), d, place);
  std::memcpy(place, memory + first, (count - first) * sizeof(T));
  return hn::Load(d, place);
#endif
}

template <class T>
HWY_INLINE void store_partial(Vector<T> value, T* memory, std::size_t number, std::int64_t lanes, T* bounce) {
  const Tag<T> d;
  constexpr std::size_t width = vector_lanes<T>;
  const std::size_t first = number * width, count = static_cast<std::size_t>(lanes);
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET <= HWY_AVX3
  (void)bounce;
  hn::BlendedStore(value, hn::FirstN(d, count > first ? std::min(count - first, width) : 0), d, memory + first);
#else
  if (first + width <= count) {
    hn::StoreU(value, d, memory + first);
  } else if (first < count) {
    hn::Store(value, d, bounce + first);
    std::memcpy(memory + first, bounce + first, (count - first) * sizeof(T));
  }
#endif
}

/// Conversion of a buffer's element to the machine's type, and back. A bool is a byte of 0 or 1.
template <class To, class From>
HWY_INLINE To converted(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else {
    return static_cast<To>(value);
  }
}

/// Reads whole blocks of another dtype through the bounce buffer, in loops of constant length that compilers vectorize.
template <class T, class S, bool partial>
struct Source {
  const S* memory;
  State* state;
  T* bounce;

  HWY_INLINE Source(const Instruction* instruction, State* s)
      : memory(operand<const S>(instruction, s, 0)), state(s), bounce(reinterpret_cast<T*>(s->bounce)) {}

  template <std::size_t vectors>
  HWY_INLINE void prepare() const {
    if constexpr (!std::is_same_v<T, S>) {
      constexpr std::size_t size = vectors * vector_lanes<T>;
      if constexpr (partial) {
        const auto count = static_cast<std::size_t>(state->lanes);
        for (std::size_t i = 0; i < count; ++i) bounce[i] = converted<T>(memory[i]);
        for (std::size_t i = count; i < size; ++i) bounce[i] = T(0);
      } else if constexpr (!(std::is_same_v<T, float> && std::is_same_v<S, bool>)) {
        for (std::size_t i = 0; i < size; ++i) bounce[i] = converted<T>(memory[i]);
      }
    }
  }

  HWY_INLINE Vector<T> get(std::size_t number) const {
    const Tag<T> d;
    if constexpr (std::is_same_v<T, S>) {
      if constexpr (partial) return load_partial(memory, number, state->lanes, bounce);
      return hn::LoadU(d, memory + number * vector_lanes<T>);
    } else if constexpr (!partial && std::is_same_v<T, float> && std::is_same_v<S, bool>) {
      const hn::Rebind<std::uint8_t, Tag<T>> bytes;
      const hn::Rebind<std::int32_t, Tag<T>> integers;
      const auto* place = reinterpret_cast<const std::uint8_t*>(memory) + number * vector_lanes<T>;
      return hn::ConvertTo(d, hn::PromoteTo(integers, hn::LoadU(bytes, place)));
    } else {
      return hn::Load(d, bounce + number * vector_lanes<T>);
    }
  }
};

template <class T, class S, bool partial>
struct LoadBody {
  Source<T, S, partial> source;
  HWY_INLINE LoadBody(const Instruction* instruction, State* state) : source(instruction, state) {}
  template <class V>
  HWY_INLINE V operator()(std::size_t number, V /*a*/) const {
    return source.get(number);
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    source.template prepare<sizeof...(V)>();
    for_each_vector(*this, a...);
  }
};

template <class T, class S, bool partial>
struct CopyBody {
  Source<T, S, partial> source;
  T* target;
  HWY_INLINE CopyBody(const Instruction* instruction, State* state)
      : source(instruction, state), target(operand<T>(instruction, state, 1)) {}
  template <class V>
  HWY_INLINE V operator()(std::size_t number, V a) const {
    hn::StoreU(source.get(number), Tag<T>(), target + number * vector_lanes<T>);
    return a;
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    source.template prepare<sizeof...(V)>();
    for_each_vector(*this, a...);
  }
};

template <class T, class S, bool partial>
struct StoreBody {
  S* memory;
  State* state;
  T* bounce;
  HWY_INLINE StoreBody(const Instruction* instruction, State* s)
      : memory(operand<S>(instruction, s, 0)), state(s), bounce(reinterpret_cast<T*>(s->bounce)) {}

  template <class V>
  HWY_INLINE V operator()(std::size_t number, V a) const {
    const Tag<T> d;
    const std::size_t first = number * vector_lanes<T>;
    if constexpr (!std::is_same_v<T, S>) {
      if constexpr (!partial && std::is_same_v<T, float> && std::is_same_v<S, bool>) {
        const hn::Rebind<std::uint8_t, Tag<T>> bytes;
        const hn::RebindToSigned<Tag<T>> integers;
        // Not Ne, which on AVX2 and AVX-512 treats NaN as equal to everything.
        const auto ones =
            hn::IfThenElseZero(hn::RebindMask(integers, hn::Not(hn::Eq(a, hn::Zero(d)))), hn::Set(integers, 1));
        hn::StoreU(hn::DemoteTo(bytes, ones), bytes, reinterpret_cast<std::uint8_t*>(memory) + first);
      } else {
        hn::Store(a, d, bounce + first);
      }
    } else if constexpr (partial) {
      store_partial(a, memory, number, state->lanes, bounce);
    } else {
      hn::StoreU(a, d, memory + first);
    }
    return a;
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    for_each_vector(*this, a...);
    if constexpr (!std::is_same_v<T, S>) {
      constexpr std::size_t size = sizeof...(V) * vector_lanes<T>;
      if constexpr (partial) {
        const auto count = static_cast<std::size_t>(state->lanes);
        for (std::size_t i = 0; i < count; ++i) memory[i] = converted<S>(bounce[i]);
      } else if constexpr (!(std::is_same_v<T, float> && std::is_same_v<S, bool>)) {
        for (std::size_t i = 0; i < size; ++i) memory[i] = converted<S>(bounce[i]);
      }
    }
  }
};

template <class T, class S>
struct LoadSplatBody {
  const S* memory;
  HWY_INLINE LoadSplatBody(const Instruction* instruction, State* state)
      : memory(operand<const S>(instruction, state, 0)) {}
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    const auto value = hn::Set(Tag<T>(), converted<T>(*memory));
    ((a = value), ...);
  }
};

template <class T, class S>
struct StoreFirstBody {
  S* memory;
  HWY_INLINE StoreFirstBody(const Instruction* instruction, State* state) : memory(operand<S>(instruction, state, 0)) {}
  template <class V, class... Others>
  HWY_INLINE void operator()(V& a, Others&... /*others*/) const {
    *memory = converted<S>(hn::GetLane(a));
  }
};

template <class T>
struct StoreSplatBody {
  T* slot;
  HWY_INLINE StoreSplatBody(const Instruction* instruction, State* state) : slot(operand<T>(instruction, state, 0)) {}
  template <class V>
  HWY_INLINE void operator()(V& a) const {
    for (std::size_t i = 0; i < run::wide_vectors; ++i) hn::StoreU(a, Tag<T>(), slot + i * vector_lanes<T>);
  }
};

template <class T, Reduction reduction, bool partial>
struct AccumulateBody {
  T* memory;
  std::int64_t lanes;
  HWY_INLINE AccumulateBody(const Instruction* instruction, State* state)
      : memory(operand<T>(instruction, state, 0)), lanes(state->lanes) {}
  template <class V>
  HWY_INLINE V operator()(std::size_t number, V a) const {
    const Tag<T> d;
    const std::size_t first = number * vector_lanes<T>;
    const auto before = hn::LoadU(d, memory + first);
    auto after = reduce_pair<reduction>(d, before, a);
    if constexpr (partial) after = hn::IfThenElse(first_lanes<T>(number, lanes), after, before);
    hn::StoreU(after, d, memory + first);
    return a;
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    for_each_vector(*this, a...);
  }
};

template <class T, Reduction reduction>
struct ReduceRowBody {
  std::int64_t lanes;
  HWY_INLINE ReduceRowBody(const Instruction* /*instruction*/, State* state) : lanes(state->lanes) {}
  template <class V>
  HWY_INLINE V operator()(std::size_t number, V a) const {
    const Tag<T> d;
    return hn::IfThenElse(first_lanes<T>(number, lanes), a, hn::Set(d, reduce_identity<T, reduction>()));
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    const Tag<T> d;
    for_each_vector(*this, a...);
    const auto result = hn::Set(d, reduce_lanes<reduction>(d, reduce_vectors<T, reduction>(a...)));
    ((a = result), ...);
  }
};

template <class T>
struct IndexBody {
  State* state;
  T* bounce;
  HWY_INLINE IndexBody(const Instruction* /*instruction*/, State* s)
      : state(s), bounce(reinterpret_cast<T*>(s->bounce)) {}
  template <class V>
  HWY_INLINE V operator()(std::size_t number, V /*a*/) const {
    return hn::Load(Tag<T>(), bounce + number * vector_lanes<T>);
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    const auto position = static_cast<std::int64_t>(state->position.element());
    constexpr std::int64_t size = static_cast<std::int64_t>(sizeof...(V) * vector_lanes<T>);
    for (std::int64_t i = 0; i < size; ++i) bounce[i] = static_cast<T>(position + i);
    for_each_vector(*this, a...);
  }
};

template <class T, run::Distribution distribution>
struct DrawBody {
  const run::DrawSource* source;
  State* state;
  HWY_INLINE DrawBody(const Instruction* instruction, State* s)
      : source(operand<const run::DrawSource>(instruction, s, 0)), state(s) {}
  template <class V>
  HWY_INLINE V operator()(std::size_t number, V /*a*/) const {
    return hn::Load(Tag<T>(), reinterpret_cast<const T*>(state->bounce) + number * vector_lanes<T>);
  }
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    draw_elements<T, distribution>(*source, state->position.element(), sizeof...(V) * vector_lanes<T>,
                                   reinterpret_cast<T*>(state->bounce));
    for_each_vector(*this, a...);
  }
};

template <class T>
struct SetFunctionBody {
  HWY_INLINE SetFunctionBody(const Instruction* instruction, State* state) {
    state->function = reinterpret_cast<ArrayFunction>(instruction->base[0]);
  }
  template <class... V>
  HWY_INLINE void operator()(V&... /*a*/) const {}
};

enum class CallForm { plain, swapped, memory };

/// Calls state->function on whole blocks. The accumulator and the result go through the bounce buffer.
template <class T, int arity, CallForm form>
struct CallBody {
  const Instruction* instruction;
  State* state;
  HWY_INLINE CallBody(const Instruction* i, State* s) : instruction(i), state(s) {}
  template <class... V>
  HWY_INLINE void operator()(V&... a) const {
    constexpr std::size_t count = sizeof...(V) * vector_lanes<T>;
    alignas(run::max_vector_bytes) T result[count];
    T* const bounce = reinterpret_cast<T*>(state->bounce);
    const Tag<T> d;
    std::size_t number = 0;
    if constexpr (form != CallForm::memory) ((hn::Store(a, d, bounce + number++ * vector_lanes<T>)), ...);
    const auto memory = [&](int index) HWY_ATTR { return operand<const T>(instruction, state, index); };
    const void* operands[arity] = {bounce};
    if constexpr (form == CallForm::memory) {
      operands[0] = memory(0), operands[1] = memory(1);
    } else if constexpr (form == CallForm::swapped) {
      operands[0] = memory(0), operands[1] = bounce;
    } else {
      for (int k = 1; k < arity; ++k) operands[k] = memory(k - 1);
    }
    state->function(operands, result, count);
    number = 0;
    ((a = hn::Load(d, result + number++ * vector_lanes<T>)), ...);
  }
};

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
