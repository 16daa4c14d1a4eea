// Per-target code of the vector machine: its loops, and the table of its instructions.

#if defined(THALWEG_SWEEP_MACHINE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_SWEEP_MACHINE_INL_HPP
#undef THALWEG_SWEEP_MACHINE_INL_HPP
#else
#define THALWEG_SWEEP_MACHINE_INL_HPP
#endif

#include "src/run/sweep_bodies-inl.hpp"

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

/// By `count` runs.
HWY_INLINE void advance(run::Position& position, std::int64_t count) {
  for (std::size_t i = 0; i < run::vector_addresses; ++i) position.offset[i] += count * position.step[i];
  for (const Address address : {Address::accumulator, Address::scratch_column})
    position[address] += count * position.step_of(address);
  if (position[Address::column] >= position.column_period) position[Address::column] %= position.column_period;
  const std::intptr_t beyond = position[Address::accumulator] - position.accumulator_end;
  if (beyond >= 0)
    position[Address::accumulator] =
        position.accumulator_end - position.accumulator_period + beyond % position.accumulator_period;
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
  if (blocks.loop != nullptr && blocks.wide_count > 0) {
    blocks.loop(blocks.wide, state, blocks.wide_count);
    if (!stay || blocks.tail_count > 0) advance(state->position, blocks.wide_count);
  } else {
    for (std::int64_t i = 0; i < blocks.wide_count; ++i) {
      run_wide_program<T>(blocks.wide, state);
      if (!stay || i + 1 < blocks.wide_count || blocks.tail_count > 0) advance(state->position);
    }
  }
  if (blocks.tail_loop != nullptr && blocks.tail_count > 0) {
    blocks.tail_loop(blocks.tail, state, blocks.tail_count);
    if (!stay) advance(state->position, blocks.tail_count);
    return;
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

template <class T, run::Distribution distribution>
void draw_array(const run::DrawSource& source, std::uint64_t first, std::size_t count, void* out) {
  draw_elements<T, distribution>(source, first, count, static_cast<T*>(out));
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
      made.draw_elements[0] = &draw_array<T, run::Distribution::uniform>;
      made.draw_elements[1] = &draw_array<T, run::Distribution::normal>;
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

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
