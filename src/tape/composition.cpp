// Recording of compositions: built once, and recorded as a whole from then on.

#include <thalweg/composite.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg::internal {

constinit const Composed no_composed{};

namespace {

/// Whether the node has no data that a repeated step must supply.
bool is_structure(const Key& key) {
  switch (key.op->kind) {
    case Kind::source: return key.op == &literal_op || key.op == &column_index_op;
    case Kind::random:
    case Kind::effect: return false;
    default: return true;
  }
}

}  // namespace

/// Whether the settings it was built under are still in effect.
inline bool Recorder::has_settings_of(const Composed& known) const {
  return (!known.phase || *known.phase == options_.phase) &&
         (!known.precision || *known.precision == matmul_precision());
}

inline std::int32_t Recorder::compose(const Composition& composition, std::int32_t a, std::int32_t b,
                                      std::uint64_t attribute, SourceLine line) {
  const Composed& known = cursor_.composed_from(next_);
  if (known.begin == next_ && known.composition == &composition && known.inputs[0] == a && known.inputs[1] == b &&
      known.attribute == attribute && has_settings_of(known)) [[likely]]
    return compose_again(known, line);
  return compose_first_time(composition, a, b, attribute, line);
}

std::int32_t Recorder::compose_again(const Composed& known, SourceLine line) {
  const char* const op = known.composition->name;
  has_traces_ = true;
  const std::int32_t own_scope = scopes_.open(op, scope_, line, op);
  for (std::size_t i = 1; i < known.scopes.size(); ++i) {
    const ScopeEntry& inner = known.scopes[i];
    scopes_.open(inner.name, own_scope + inner.parent, inner.line.file == nullptr ? line : inner.line, op);
  }
  Line* next_line = data_.lines() + next_;
  for (const Line& recorded : known.lines)
    *next_line++ = line_in_scope(recorded.file == nullptr ? line : recorded.place(), own_scope + recorded.scope);
  cursor_.advance(known.end - known.begin);
  next_ = known.end;
  phase_questions_ += known.phase.has_value() ? 1 : 0;
  return known.result;
}

std::int32_t Recorder::compose_first_time(const Composition& composition, std::int32_t a, std::int32_t b,
                                          std::uint64_t attribute, SourceLine line) {
  const std::int32_t own_scope = scopes_.size();
  Composed made{.begin = next_, .composition = &composition, .attribute = attribute, .inputs = {a, b}};
  const OpScope scope(composition.name, line);
  const Var inputs[2] = {var(a), var(b)};
  const std::uint32_t asked_before = phase_questions_;
  const Var built = composition.build({inputs, b < 0 ? std::size_t{1} : std::size_t{2}}, attribute, line);
  const std::int32_t result = resolve(built, composition.name, line);
  if (phase_questions_ != asked_before) made.phase = options_.phase;
  made.result = result;
  made.end = next_;
  // Only for a new segment and its own nodes. A repeated step skips the nodes of a backward pass anyway.
  const bool is_new = !is_predicted() && made.begin >= segment_base_ && made.begin < made.end;
  if (is_new && deriving_ < 0 && engine() == Engine::planned) note_composed(std::move(made), own_scope, line);
  return result;
}

void Recorder::note_composed(Composed made, std::int32_t own_scope, SourceLine line) {
  for (std::int32_t id = made.begin; id < made.end; ++id) {
    if (!is_structure(key(id))) return;
    if (key(id).op->kind == Kind::contraction) made.precision = matmul_precision();
  }
  const auto from_here = [&](SourceLine place) {
    const bool is_call = place.file == line.file && place.line == line.line;
    return is_call ? SourceLine{nullptr, 0} : place;
  };
  const std::span<const ScopeEntry> opened = scopes_.from(own_scope);
  made.scopes.assign(opened.begin(), opened.end());
  for (ScopeEntry& entry : made.scopes) {
    entry.parent -= own_scope;
    entry.line = from_here(entry.line);
  }
  for (std::int32_t id = made.begin; id < made.end; ++id)
    made.lines.push_back(line_in_scope(from_here(data_.line(id).place()), data_.line(id).scope - own_scope));
  // The compositions nested in it are never met on their own.
  while (!open_.composed.empty() && open_.composed.back().begin >= made.begin) open_.composed.pop_back();
  open_.composed.push_back(std::move(made));
}

}  // namespace thalweg::internal

namespace thalweg {

using internal::Recorder;

Var record(const Composition& composition, const Operand& a, std::uint64_t attribute) {
  Recorder& recorder = Recorder::require(composition.name, a.line());
  const std::int32_t id = recorder.resolve(a, composition.name);
  return recorder.var(recorder.compose(composition, id, -1, attribute, a.line()));
}

Var record(const Composition& composition, const Operand& a, const Operand& b, std::uint64_t attribute) {
  Recorder& recorder = Recorder::require(composition.name, a.line());
  const std::int32_t ids[2] = {recorder.resolve(a, composition.name), recorder.resolve(b, composition.name)};
  return recorder.var(recorder.compose(composition, ids[0], ids[1], attribute, a.line()));
}

}  // namespace thalweg
