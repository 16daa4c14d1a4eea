#include "src/run/sweep_machine.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "src/run/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/run/sweep_machine.cpp"
#include <hwy/foreach_target.h>

#include "src/run/element_kernel-inl.hpp"
#include "src/run/sweep_draw-inl.hpp"
#include "src/run/sweep_reduce-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

using run::Address;
using run::HandlerPair;
using run::Machine;
using run::Partial;
using run::Reduction;

#if THALWEG_ACCUMULATOR_IN_MEMORY
template <class T>
HandlerPair end_handlers() {
  return {};
}
#else
template <class T>
struct End {
  using V = Vector<T>;
  static void wide(const Instruction*, State*, V, V, V, V, V, V, V, V) {}
  static void narrow(const Instruction*, State*, V) {}
};
template <class T>
HandlerPair end_handlers() {
  return {erased(&End<T>::wide), erased(&End<T>::narrow)};
}
#endif

/// Vector `number` of an operand of which the first `lanes` elements of the block may be touched; 0 beyond.
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

/// How a buffer's element looks in the machine and back. A bool is a byte of 0 or 1.
template <class To, class From>
HWY_INLINE To converted(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else {
    return static_cast<To>(value);
  }
}

/// Reads whole blocks of another dtype through the bounce buffer; loops of constant length become vector code.
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
        // Not by Ne, which on AVX2 and AVX-512 calls NaN equal to everything.
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

/// Calls state->function on whole blocks; what is in the accumulator goes through the bounce buffer, as the result does.
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

HWY_INLINE void advance(run::Position& position) {
  const Tag<std::int64_t> d;
  auto* offset = reinterpret_cast<std::int64_t*>(position.offset);
  const auto* step = reinterpret_cast<const std::int64_t*>(position.step);
  for (std::size_t i = 0; i < run::vector_addresses; i += vector_lanes<std::int64_t>)
    hn::Store(hn::Add(hn::Load(d, offset + i), hn::Load(d, step + i)), d, offset + i);
  for (const Address address : {Address::accumulator, Address::scratch_column})
    position[address] += position.step_of(address);
  if (position[Address::column] >= position.column_period) position[Address::column] -= position.column_period;
  if (position[Address::accumulator] >= position.accumulator_end)
    position[Address::accumulator] -= position.accumulator_period;
}

inline void begin(run::Position& position, const run::Position& start, std::byte* scratch) {
  const hn::ScalableTag<std::uint8_t> d;
  const auto* from = reinterpret_cast<const std::uint8_t*>(&start);
  auto* to = reinterpret_cast<std::uint8_t*>(&position);
  for (std::size_t i = 0; i < sizeof start; i += hn::Lanes(d)) hn::Store(hn::Load(d, from + i), d, to + i);
  position.use_scratch(scratch);
}

inline void rewind(State* state) {
  const Tag<std::int64_t> d;
  const auto* from = reinterpret_cast<const std::int64_t*>(state->row.offset);
  auto* to = reinterpret_cast<std::int64_t*>(state->position.offset);
  for (std::size_t i = 0; i < run::vector_addresses; i += vector_lanes<std::int64_t>)
    hn::Store(hn::Load(d, from + i), d, to + i);
  for (const Address address : {Address::accumulator, Address::scratch_column})
    state->position[address] = state->row[address];
}

inline void advance_position(run::Position& position) { advance(position); }

/// `stay`: the state is not needed after the last run.
template <class T, bool stay>
HWY_INLINE void run_blocks(const run::Blocks& blocks, State* state) {
  for (std::int64_t i = 0; i < blocks.wide_count; ++i) {
    run_wide_program<T>(blocks.wide, state);
    if (!stay || i + 1 < blocks.wide_count || blocks.tail_count > 0) advance(state->position);
  }
  state->lanes = blocks.lanes;
  for (std::int64_t i = 0; i < blocks.tail_count; ++i) {
    if (blocks.tail_wide) {
      run_wide_program<T>(blocks.tail, state);
    } else {
      run_narrow_program<T>(blocks.tail, state);
    }
    if (!stay || i + 1 < blocks.tail_count) advance(state->position);
  }
}

template <class T>
void run(const run::Blocks& blocks, State* state) {
  run_blocks<T, false>(blocks, state);
}

template <class T>
void run_from(const run::Blocks& blocks, const run::Position* start, std::byte* scratch) {
  State state;
  if (blocks.wide_count + blocks.tail_count > 1) {
    begin(state.position, *start, scratch);
    return run_blocks<T, true>(blocks, &state);
  }
  const hn::ScalableTag<std::intptr_t> d;
  for (std::size_t i = 0; i < run::address_slots; i += hn::Lanes(d))
    hn::Store(hn::Zero(d), d, state.position.offset + i);
  state.position.set_scratch(scratch);
  state.lanes = blocks.lanes;
  if (blocks.wide_count == 1) return run_wide_program<T>(blocks.wide, &state);
  if (blocks.tail_count == 0) return;
  blocks.tail_wide ? run_wide_program<T>(blocks.tail, &state) : run_narrow_program<T>(blocks.tail, &state);
}

template <class T, class Body>
HandlerPair pair() {
  return {erased(&Handlers<T, Body>::wide), erased(&Handlers<T, Body>::narrow)};
}

template <class T, class S>
void add_conversions(Machine& machine) {
  constexpr auto dtype = static_cast<std::size_t>(dtype_of<S>::value);
  machine.load_as[0][dtype] = pair<T, LoadBody<T, S, false>>();
  machine.load_as[1][dtype] = pair<T, LoadBody<T, S, true>>();
  machine.copy_as[0][dtype] = pair<T, CopyBody<T, S, false>>();
  machine.copy_as[1][dtype] = pair<T, CopyBody<T, S, true>>();
  machine.store_as[0][dtype] = pair<T, StoreBody<T, S, false>>();
  machine.store_as[1][dtype] = pair<T, StoreBody<T, S, true>>();
  machine.load_splat[dtype] = pair<T, LoadSplatBody<T, S>>();
  machine.store_first[dtype] = pair<T, StoreFirstBody<T, S>>();
}

template <class T, Reduction reduction>
void add_reduction(Machine& machine) {
  constexpr auto index = static_cast<std::size_t>(reduction);
  machine.accumulate[0][index] = pair<T, AccumulateBody<T, reduction, false>>();
  machine.accumulate[1][index] = pair<T, AccumulateBody<T, reduction, true>>();
  machine.reduce_row[index] = pair<T, ReduceRowBody<T, reduction>>();
}

template <class T, int arity, CallForm form>
void add_call(Handler& wide, Handler& narrow) {
  const HandlerPair made = pair<T, CallBody<T, arity, form>>();
  wide = made.wide, narrow = made.narrow;
}

template <class T>
void add_calls(Machine& machine) {
  machine.set_function = pair<T, SetFunctionBody<T>>();
  add_call<T, 1, CallForm::plain>(machine.call[0].wide, machine.call[0].narrow);
  add_call<T, 2, CallForm::plain>(machine.call[1].wide, machine.call[1].narrow);
  add_call<T, 2, CallForm::swapped>(machine.call[1].wide_swapped, machine.call[1].narrow_swapped);
  add_call<T, 2, CallForm::memory>(machine.call[1].wide_memory, machine.call[1].narrow_memory);
  add_call<T, 3, CallForm::plain>(machine.call[2].wide, machine.call[2].narrow);
}

template <class T>
const Machine& machine_of() {
  static const Machine machine = [] {
    Machine made{};
    made.lanes = static_cast<int>(vector_lanes<T>);
    made.end = end_handlers<T>();
    add_conversions<T, T>(made);
    made.load = pair<T, LoadBody<T, T, false>>();
    made.store = pair<T, StoreBody<T, T, false>>();
    add_conversions<T, bool>(made);
    if constexpr (!std::is_same_v<T, std::int64_t>) add_conversions<T, std::int64_t>(made);
    made.store_splat = erased(&Handlers<T, StoreSplatBody<T>>::narrow);
    add_reduction<T, Reduction::sum>(made);
    add_reduction<T, Reduction::product>(made);
    add_reduction<T, Reduction::maximum>(made);
    add_reduction<T, Reduction::minimum>(made);
    if constexpr (!std::is_same_v<T, std::int64_t>) {
      made.draw[0] = pair<T, DrawBody<T, run::Distribution::uniform>>();
      made.draw[1] = pair<T, DrawBody<T, run::Distribution::normal>>();
    }
    made.index = pair<T, IndexBody<T>>();
    add_calls<T>(made);
    made.begin = &begin;
    made.advance = &advance_position;
    made.rewind = &rewind;
    made.run = &run<T>;
    made.run_from = &run_from<T>;
    made.fill = &fill<T>;
    made.fold_slot = &fold_slot<T>;
    made.fold_tile = &fold_tile<T>;
    made.add_partials = &add_partials<T>;
    made.join_partials = &join_partials<T>;
    made.round_partials = &round_partials<T>;
    made.reduce_array = &reduce_array<T>;
    made.repeat = &repeat<T>;
    return made;
  }();
  return machine;
}

const Machine& machine_for(DType dtype) {
  switch (dtype) {
    case DType::f64: return machine_of<double>();
    case DType::i64: return machine_of<std::int64_t>();
    default: return machine_of<float>();
  }
}

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thalweg::run {
namespace {
HWY_EXPORT(machine_for);

template <class To, class From>
void convert_array(void* out, const void* in, std::int64_t count) {
  const From* from = static_cast<const From*>(in);
  To* to = static_cast<To*>(out);
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<To, bool>) {
      to[i] = from[i] != From(0);
    } else {
      to[i] = static_cast<To>(from[i]);
    }
  }
}

template <class To>
void convert_array_from(void* out, const void* in, DType in_dtype, std::int64_t count) {
  switch (in_dtype) {
    case DType::f32: return convert_array<To, float>(out, in, count);
    case DType::f64: return convert_array<To, double>(out, in, count);
    case DType::i64: return convert_array<To, std::int64_t>(out, in, count);
    case DType::boolean: return convert_array<To, bool>(out, in, count);
  }
}

template <class T>
T join(Reduction reduction, T a, T b) {
  switch (reduction) {
    case Reduction::sum:
      if constexpr (std::is_integral_v<T>)
        return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
      return a + b;
    case Reduction::product:
      if constexpr (std::is_integral_v<T>)
        return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
      return a * b;
    case Reduction::maximum: return a != a || a >= b ? a : b;  // a NaN stays
    case Reduction::minimum: return a != a || a <= b ? a : b;
  }
  return a;
}

}  // namespace

const Machine& machine(DType dtype) {
  check_simd_environment();
  return HWY_DYNAMIC_DISPATCH(machine_for)(dtype);
}

const ElementHandlers& handlers_of(const ElementKernel& kernel, DType dtype) {
  static const ElementHandlers none;
  if (kernel.arrays == nullptr) return kernel.handlers(dtype);
  return kernel.arrays(dtype) == nullptr ? none : machine(dtype).call[kernel.arity - 1];
}

void convert_values(void* out, DType out_dtype, const void* in, DType in_dtype, std::int64_t count) {
  if (out_dtype == in_dtype) {
    if (count > 0) std::memcpy(out, in, static_cast<std::size_t>(count) * size_of(in_dtype));
    return;
  }
  switch (out_dtype) {
    case DType::f32: return convert_array_from<float>(out, in, in_dtype, count);
    case DType::f64: return convert_array_from<double>(out, in, in_dtype, count);
    case DType::i64: return convert_array_from<std::int64_t>(out, in, in_dtype, count);
    case DType::boolean: return convert_array_from<bool>(out, in, in_dtype, count);
  }
}

Partial identity(Reduction reduction, DType dtype) {
  Partial result{};
  if (dtype == DType::i64) {
    result.integer = reduction == Reduction::product   ? 1
                     : reduction == Reduction::maximum ? std::numeric_limits<std::int64_t>::min()
                     : reduction == Reduction::minimum ? std::numeric_limits<std::int64_t>::max()
                                                       : 0;
  } else {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    result.floating = reduction == Reduction::product   ? 1
                      : reduction == Reduction::maximum ? -infinity
                      : reduction == Reduction::minimum ? infinity
                                                        : 0;
  }
  return result;
}

Partial combine(Reduction reduction, DType dtype, Partial a, Partial b) {
  Partial result{};
  if (dtype == DType::i64) {
    result.integer = join(reduction, a.integer, b.integer);
  } else {
    result.floating = join(reduction, a.floating, b.floating);
  }
  return result;
}

}  // namespace thalweg::run
#endif
