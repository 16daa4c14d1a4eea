// Recording of ops and of leaves among their operands. Most steps repeat the step before, which takes a comparison with
// the keys from the cursor on, without any calls, so that it needs almost no stack.

#include <algorithm>
#include <bit>
#include <cmath>

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg::internal {

namespace {

constexpr std::uint32_t weak(DType dtype) { return traits_of(0, dtype, weak_flag); }

std::uint32_t constant_traits(const Tensor& tensor) { return traits_of(0, tensor.dtype(), shape_flag); }

/// The address of its shape, which is interned.
std::uint64_t constant_attribute(const Tensor& tensor) { return reinterpret_cast<std::uintptr_t>(&tensor.shape()); }

}  // namespace

/// A tentative position ahead of the cursor.
struct Recorder::Ahead {
  const Key* key;
  std::int32_t next;
};

void Recorder::give_back_ahead() {
  Recorder* const recorder = recorders_.current;
  if (recorder != nullptr) Constants::release(recorder->constants_.let_go(recorder->next_, recorder->data_.slots()));
}

/// The node of an operand: a Var of this tape, or the leaf ahead if it matches. Otherwise an id that matches no input
/// of a key, which a parameter gets as well if its registry was not the last to be read. Data written for a leaf are ahead
/// of the recording, and count only once the cursor advances. Nothing is called here, so that no registers are saved.
[[gnu::always_inline]] inline std::int32_t Recorder::expected_node(const Operand& operand, Ahead& ahead) {
  constexpr std::int32_t unexpected = -2;
  const Key& key = *ahead.key;
  const auto note_place = [&] {
    set_line(ahead.next, operand.line());
    ++ahead.key;
    return ahead.next++;
  };
  if (operand.id_ == Operand::id_of(Operand::Kind::tensor)) {
    const Tensor& tensor = *operand.tensor_;
    if (key.op != &constant_op || key.attribute != constant_attribute(tensor) || key.dtype != tensor.dtype())
      return unexpected;
    constants_.hold(tensor, ahead.next, data_.slot(ahead.next));
    return note_place();
  }
  if (operand.id_ >= 0) return operand.serial_ == serial_ ? operand.id_ : unexpected;
  switch (operand.kind()) {
    case Operand::Kind::tensor:
    case Operand::Kind::var: return unexpected;  // an empty one
    case Operand::Kind::parameter: {
      RegistryCore* const registry = operand.parameter_->core().get();
      if (registry == nullptr || !reads_.is_last(*registry) || key.op != &parameter_op || !effects_.empty())
        return unexpected;
      const int index = operand.parameter_->index();
      if (key.attribute != pack({registry->uid, RegistrySpace::parameter, index})) return unexpected;
      data_.slot(ahead.next) = registry_slot(*registry, static_cast<std::uint32_t>(index), registry->write_count);
      break;
    }
    case Operand::Kind::number:
    case Operand::Kind::integer: {
      const DType dtype = operand.kind() == Operand::Kind::number ? DType::f32 : DType::i64;
      if (!is_key(key, number_op, -1, -1, -1, weak(dtype), 0)) return unexpected;
      data_.slot(ahead.next) = number_slot(operand.number_);
      break;
    }
  }
  return note_place();
}

namespace {

[[gnu::noinline]] Var record_first_time(const Op& op, const Operand& a, const Operand& b, std::uint64_t attribute,
                                        Recorder::FirstTime first_time) {
  Recorder::give_back_ahead();
  return first_time(op, a, b, attribute);
}

}  // namespace

/// For one to three operands.
template <class RecordAnew, class... Operands>
[[gnu::always_inline]] inline Var Recorder::record_again(RecordAnew record_anew, const Op& op, std::uint64_t attribute,
                                                         const Operand& first, const Operands&... others) {
  Ahead ahead{cursor_.key(), next_};
  const std::int32_t ids[] = {expected_node(first, ahead), expected_node(others, ahead)..., -1, -1};
  if (!is_key(*ahead.key, op, ids[0], ids[1], ids[2], 1 + sizeof...(Operands), attribute)) [[unlikely]]
    return record_anew();
  set_line(ahead.next, first.line());
  cursor_.move_to(ahead.key + 1);
  next_ = ahead.next + 1;
  return var(ahead.next);
}

Var Recorder::record(const Op& op, const Operand& a, const Operand& b, std::uint64_t attribute, FirstTime first_time) {
  Recorder* const recorder = recorders_.current;
  if (recorder == nullptr) [[unlikely]]
    return first_time(op, a, b, attribute);
  recorder->read(a);  // now, since `first_time` would look at the shapes for nothing
  recorder->read(b);
  return recorder->record_again([&] { return record_first_time(op, a, b, attribute, first_time); }, op, attribute, a,
                                b);
}

std::int32_t Recorder::resolve_leaf(const Operand& operand, const char* op) {
  read(operand);
  Ahead ahead{cursor_.key(), next_};
  if (const std::int32_t id = expected_node(operand, ahead); id >= 0) [[likely]] {
    cursor_.move_to(ahead.key);
    next_ = ahead.next;
    return id;
  }
  const SourceLine line = operand.line();
  switch (operand.kind()) {
    case Operand::Kind::var: throw_foreign(Var(operand.serial_, operand.id_), op, line);
    case Operand::Kind::parameter: {
      const Parameter& parameter_handle = *operand.parameter_;
      if (!parameter_handle.core())
        throw TapeError(error_text(path_to(op), "an empty Parameter was given", blame(line)));
      return append_parameter(*parameter_handle.core(), parameter_handle.index(), line);
    }
    case Operand::Kind::tensor: return append_constant(*operand.tensor_, line);
    case Operand::Kind::number: return append_number(operand.number_, weak(DType::f32), line);
    case Operand::Kind::integer: return append_number(operand.number_, weak(DType::i64), line);
  }
  return -1;
}

void Recorder::throw_foreign(const Var& var, const char* op, SourceLine line) const {
  const std::uint64_t serial = var.serial();
  std::string reason = "its tape has ended or was cleared; ask for value() before that";
  if (serial == 0) {
    reason = "it is empty: nothing was assigned to it";
  } else if (!workspace_.has_made(serial)) {
    reason = "it belongs to a tape of another thread; pass x.value(), which is a constant";
  } else if (workspace_.is_alive(serial)) {
    reason = "it belongs to another tape, which is not the current one; pass x.value(), which is a constant";
  }
  throw TapeError(error_text(path_to(op), "a Var cannot be used here: " + reason, blame(line)));
}

// --- constants ---

std::int32_t Recorder::append_constant(const Tensor& tensor, SourceLine line) {
  if (deriving_ >= 0)  // a backward pass that is seen again is not derived again: nothing would give it the tensor
    throw TapeError(
        error_text(key(deriving_).op->name,
                   "its gradient rule uses a tensor; a rule may use the op's inputs and output, and numbers",
                   user_line(deriving_)));
  const std::int32_t id = append(constant_op, -1, -1, -1, constant_traits(tensor), constant_attribute(tensor), line);
  constants_.hold(tensor, id, data_.slot(id));
  return id;
}

std::int32_t Recorder::constant(const Tensor& tensor, SourceLine line) {
  return resolve(Operand(tensor, line.file, line.line), "constant");
}

// --- numbers ---

std::int32_t Recorder::literal(double value) {
  const bool is_whole = value == std::floor(value) && std::abs(value) < 0x1p63;  // infinity is no i64
  const DType dtype = is_whole ? DType::i64 : DType::f32;
  return append(literal_op, -1, -1, -1, weak(dtype), std::bit_cast<std::uint64_t>(value), {});
}

std::int32_t Recorder::literal(double value, DType dtype) {
  return append(literal_op, -1, -1, -1, traits_of(0, dtype), std::bit_cast<std::uint64_t>(value), {});
}

std::int32_t Recorder::append_number(double value, std::uint32_t traits, SourceLine line) {
  if (deriving_ >= 0) return literal(value);
  return append_with_slot(number_op, -1, traits, 0, line, number_slot(value));
}

std::int32_t Recorder::number(double value, DType dtype, SourceLine line) {
  if (deriving_ >= 0) return literal(value, dtype);
  return append_with_slot(number_op, -1, traits_of(0, dtype), 0, line, number_slot(value));
}

// --- parameters ---

std::int32_t Recorder::append_parameter(RegistryCore& registry, std::int32_t index, SourceLine line) {
  read(registry);
  const std::uint64_t attribute = pack({registry.uid, RegistrySpace::parameter, index});
  if (const PendingEffect* const latest = effects_.latest(registry, index)) {
    const std::int32_t value = inputs(latest->node)[0];
    if (!registry.entries[static_cast<std::size_t>(index)].trainable) return value;
    return append(assigned_parameter_op, value, -1, -1, traits_of(1), attribute, line);
  }
  return append_with_slot(parameter_op, -1, traits_of(0, registry.dtype), attribute, line,
                          registry_slot(registry, static_cast<std::uint32_t>(index), registry.write_count));
}

}  // namespace thalweg::internal

namespace thalweg {

using internal::Recorder;

namespace {

/// Records a node of Vars of this tape that is not at the cursor.
template <class... Operands>
[[gnu::noinline]] Var record_unexpected(Recorder& recorder, const Op& op, std::uint64_t attribute, const Operand& first,
                                        const Operands&... others) {
  const std::int32_t ids[] = {recorder.resolve(first, op), recorder.resolve(others, op)..., -1, -1};
  internal::Key key;
  key.op = &op;
  key.inputs[0] = ids[0], key.inputs[1] = ids[1], key.inputs[2] = ids[2];
  key.count = 1 + sizeof...(Operands);
  key.attribute = attribute;
  return recorder.var(recorder.append(key, first.line()));
}

template <class... Operands>
[[gnu::noinline]] Var record_anew(Recorder& recorder, const Op& op, std::uint64_t attribute, const Operand& first,
                                  const Operands&... others) {
  Recorder::give_back_ahead();
  const std::int32_t ids[] = {recorder.resolve(first, op), recorder.resolve(others, op)..., -1,
                              -1};  // from left to right
  return recorder.var(recorder.append(op, ids[0], ids[1], ids[2], 1 + sizeof...(Operands), attribute, first.line()));
}

template <class... Operands>
[[gnu::always_inline]] inline Var record_any(Recorder& recorder, const Op& op, std::uint64_t attribute,
                                             const Operand& first, const Operands&... others) {
  return recorder.record_again([&] { return record_anew(recorder, op, attribute, first, others...); }, op, attribute,
                               first, others...);
}

[[gnu::noinline]] Var record_without_tape(const Op& op, const Operand& first) { Recorder::throw_no_tape(op, first); }

template <class... Operands>
[[gnu::always_inline]] inline Var record_with_leaves(const Op& op, std::uint64_t attribute, const Operand& first,
                                                     const Operands&... others) {
  Recorder* const recorder = Recorder::current();
  if (recorder == nullptr) [[unlikely]]
    return record_without_tape(op, first);
  return record_any(*recorder, op, attribute, first, others...);
}

// Out of line, so that `record` needs no stack frame if its operands are Vars; and with its arguments in the same order.
[[gnu::noinline]] Var record_others(const Op& op, const Operand& a, std::uint64_t attribute) {
  return record_with_leaves(op, attribute, a);
}
[[gnu::noinline]] Var record_others(const Op& op, const Operand& a, const Operand& b, std::uint64_t attribute) {
  return record_with_leaves(op, attribute, a, b);
}
[[gnu::noinline]] Var record_others(const Op& op, const Operand& a, const Operand& b, const Operand& c,
                                    std::uint64_t attribute) {
  return record_with_leaves(op, attribute, a, b, c);
}

/// Whether all operands are Vars of some tape.
template <class... Operands>
bool are_vars(const Operands&... operands) {
  return ((operands.kind() == Operand::Kind::var) && ...);
}

/// Whether all operands are Vars of the current tape.
template <class... Operands>
bool are_own(const Recorder* recorder, const Operands&... operands) {
  return recorder != nullptr && (recorder->is_own(operands) && ...);
}

}  // namespace

Var record(const Op& op, const Operand& a, std::uint64_t attribute) {
  if (!are_vars(a)) return record_others(op, a, attribute);
  Recorder* const recorder = Recorder::current();
  if (!are_own(recorder, a)) [[unlikely]]
    return record_others(op, a, attribute);
  if (!recorder->stands_at(op, attribute, a)) [[unlikely]]
    return record_unexpected(*recorder, op, attribute, a);
  return recorder->var(recorder->advance(a.line()));
}

Var record(const Op& op, const Operand& a, const Operand& b, std::uint64_t attribute) {
  if (!are_vars(a, b)) return record_others(op, a, b, attribute);
  Recorder* const recorder = Recorder::current();
  if (!are_own(recorder, a, b)) [[unlikely]]
    return record_others(op, a, b, attribute);
  if (!recorder->stands_at(op, attribute, a, b)) [[unlikely]]
    return record_unexpected(*recorder, op, attribute, a, b);
  return recorder->var(recorder->advance(a.line()));
}

Var record(const Op& op, const Operand& a, const Operand& b, const Operand& c, std::uint64_t attribute) {
  if (!are_vars(a, b, c)) return record_others(op, a, b, c, attribute);
  Recorder* const recorder = Recorder::current();
  if (!are_own(recorder, a, b, c)) [[unlikely]]
    return record_others(op, a, b, c, attribute);
  if (!recorder->stands_at(op, attribute, a, b, c)) [[unlikely]]
    return record_unexpected(*recorder, op, attribute, a, b, c);
  return recorder->var(recorder->advance(a.line()));
}

}  // namespace thalweg
