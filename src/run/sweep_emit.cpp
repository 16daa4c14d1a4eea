#include "src/run/sweep_emit.hpp"

#include <algorithm>

#include "src/run/sweep_generate.hpp"

namespace thalweg::run {

using Kind = SweepValue::Kind;

namespace {

std::size_t index_of(DType dtype) { return static_cast<std::size_t>(dtype); }

Address flat_address(DType dtype) {
  return dtype == DType::boolean ? Address::flat_1 : dtype == DType::f32 ? Address::flat_4 : Address::flat_8;
}
Address row_address(DType dtype) {
  return dtype == DType::boolean ? Address::row_1 : dtype == DType::f32 ? Address::row_4 : Address::row_8;
}

const char* reduction_name(Reduction reduction) {
  constexpr const char* names[] = {"sum", "product", "maximum", "minimum"};
  return names[static_cast<int>(reduction)];
}

}  // namespace

void Emitter::start(const SweepNodes& nodes, SweepDraft& program, bool delay_stores) {
  nodes_ = &nodes;
  program_ = &program;
  machine_ = program.machine;
  delay_stores_ = delay_stores;
  most_temporaries_ = 0;
  emitted_wide_ = false;
  stored_.clear();
  reads_.clear();
  committed_stores_ = 0;
}

void Emitter::begin(Scope scope, int walk, int stage) {
  scope_ = scope;
  walk_ = walk;
  stage_ = stage;
  segment_ = nodes_->first_segments[walk] + stage;
  actions_.clear();
  const auto size = static_cast<std::size_t>(nodes_->count());
  first_action_.assign(size, -1);
  last_action_.assign(size, -1);
}

void Emitter::add_action(int value, const Action& action) {
  const auto v = static_cast<std::size_t>(value);
  const auto index = static_cast<std::int32_t>(actions_.size());
  actions_.push_back(action);
  if (last_action_[v] >= 0) {
    actions_[last_action_[v]].next = index;
  } else {
    first_action_[v] = index;
  }
  last_action_[v] = index;
}

Emitter::Operand Emitter::scratch_slot(int index) const {
  return {-(index + 1) * static_cast<std::intptr_t>(slot_bytes), Address::scratch, -1};
}
Emitter::Operand Emitter::own_memory(std::int64_t offset, Address address) const {
  return {reinterpret_cast<std::intptr_t>(program_->at(offset)), address, -1};
}

/// Whether the value is available when this program runs; else the program computes it.
bool Emitter::is_available(const SweepNode& node) const {
  switch (scope_) {
    case Scope::elements:
      if (node.small() || node.kind == Kind::input) return true;
      if (node.extent == Extent::per_row && !nodes_->one_block_rows) return true;
      return node.keep != Keep::none && node.segment < segment_;
    case Scope::row:
      if (node.small() || node.kind == Kind::input || node.walk < walk_) return true;
      return node.is_reduce() ? node.stage <= stage_ : node.row_slot >= 0 && node.stage < stage_;
    case Scope::columns:
      if (node.extent == Extent::single) return true;
      [[fallthrough]];
    case Scope::single: return !node.is_apply() || node.walk < walk_ || node.stage < stage_;
  }
  return true;
}

/// Locates an element value in a buffer, or in the memory where an earlier segment keeps it.
void Emitter::locate_elements(const SweepNode& node, Place& place) const {
  if (node.kind == Kind::input || node.keep == Keep::output || node.keep == Keep::lent) {
    const bool is_input = node.kind == Kind::input;
    place.dtype = is_input ? node.dtype : program_->dtype;
    place.operand = {0, flat_address(place.dtype), is_input ? node.slot : node.output_slot};
    place.access = place.dtype == program_->dtype && !form_.partial ? Access::memory : Access::buffer;
    return;
  }
  place.access = Access::memory;
  place.operand = node.keep == Keep::row_buffer ? Operand{node.memory, Address::scratch_column, -1}
                                                : own_memory(node.memory, flat_address(program_->dtype));
}

/// Determines how this program accesses the value.
void Emitter::locate(int v) {
  const SweepNode& node = (*nodes_)[v];
  Place& where = place(v);
  where.access = node.operand_count == 0 ? Access::leaf : Access::computed;
  if (!is_available(node)) return;
  switch (node.extent) {
    case Extent::single:
      where.access = Access::memory;
      where.operand = own_memory(node.memory, Address::fixed);
      break;
    case Extent::per_column: {
      const bool tile = scope_ == Scope::elements && !nodes_->row_walk;
      where.access = Access::memory;
      where.operand = own_memory(tile ? node.tile : node.memory, Address::column);
      break;
    }
    case Extent::per_row: {
      // Splatted in a slot, unless this program must put it there.
      const bool imported = node.kind == Kind::input || node.walk < walk_;
      const bool splatted =
          node.row_slot >= 0 && !nodes_->one_block_rows && (scope_ != Scope::row || stage_ != 0 || !imported);
      where.access = splatted ? Access::memory : Access::leaf;
      where.operand = {node.row_slot, Address::scratch, -1};
      break;
    }
    case Extent::element: locate_elements(node, where); break;
  }
}

/// Counts the uses of every value that the actions need, and locates the values.
void Emitter::count_uses() {
  const auto count = static_cast<std::size_t>(nodes_->count());
  left_.assign(count, 0);
  places_.assign(count, Place());
  for (int v = nodes_->count() - 1; v >= 0; --v) {
    const auto index = static_cast<std::size_t>(v);
    if (first_action_[index] < 0 && left_[index] == 0) continue;
    locate(v);
    if (places_[index].access != Access::computed) continue;
    const SweepNode& node = (*nodes_)[v];
    for (int k = 0; k < node.operand_count; ++k) ++left_[node.operands[k]];
  }
}

/// The value's operand; records that an instruction reads it.
Emitter::Operand Emitter::read(int v) {
  const Place& where = place(v);
  if (where.kept >= 0) kept_[where.kept].read = true;
  if (where.operand.slot >= 0) {
    const SweepNode& node = (*nodes_)[v];
    const bool is_input = node.kind == Kind::input;
    if (is_input) note_read(where.operand.slot);
    const std::pair read{walk_, v};
    if ((is_input || node.walk < walk_) && std::find(reads_.begin(), reads_.end(), read) == reads_.end())
      reads_.push_back(read);
  }
  return where.operand;
}

/// Records hazards: the input is read after these outputs are written, so they must not be the same memory.
void Emitter::note_read(int slot) {
  if (scope_ != Scope::elements && scope_ != Scope::row) return;
  for (const std::int32_t output : stored_) {
    const auto same = [&](const Hazard& hazard) { return hazard.output == output && hazard.input == slot; };
    if (std::none_of(program_->hazards.begin(), program_->hazards.end(), same))
      program_->hazards.push_back({output, slot});
  }
}

/// A memory operand for a simple value; preserves the accumulator.
Emitter::Operand Emitter::simple_operand(int v) {
  Place& where = place(v);
  if (where.access == Access::memory) return read(v);
  const int temporary = take_temporary();
  push(machine_->copy_as[form_.partial][index_of(where.dtype)], "copy", v, read(v), scratch_slot(temporary),
       buffer_meaning(Meaning::Kind::copy, where.dtype));
  where.operand = scratch_slot(temporary);
  where.temporary = static_cast<std::int16_t>(temporary);
  where.access = Access::memory;
  return where.operand;
}

int Emitter::take_temporary() {
  if (!free_temporaries_.empty()) {
    const int index = free_temporaries_.back();
    free_temporaries_.pop_back();
    return index;
  }
  most_temporaries_ = std::max(most_temporaries_, temporaries_ + 1);
  return temporaries_++;
}

/// Counts a use; after the last one, frees the temporary.
void Emitter::consume(int v) {
  Place& where = place(v);
  if (--left_[v] > 0 || where.temporary < 0) return;
  free_temporaries_.push_back(where.temporary);
  where.temporary = -1;
}

/// The meaning of a kernel's instruction for the JIT.
Meaning Emitter::apply_meaning(const SweepNode& node, OperandForm form) const {
  const Primitive primitive = node.handlers->primitive;
  if (!is_in_line(primitive, program_->dtype)) return {};
  return {.kind = Meaning::Kind::apply,
          .primitive = primitive,
          .form = form,
          .arity = node.operand_count,
          .one_vector = node.handlers->one_vector};
}

/// The meaning of a load or store of a buffer of `dtype`: opaque if it converts.
Meaning Emitter::buffer_meaning(Meaning::Kind kind, DType dtype) const {
  if (dtype != program_->dtype) return {};
  return {.kind = kind};
}

void Emitter::push(const HandlerPair& handlers, const char* text, int value, Meaning meaning) {
  push(handlers, text, value, Operand(), Operand(), meaning);
}
void Emitter::push(const HandlerPair& handlers, const char* text, int value, const Operand& a, Meaning meaning) {
  push(handlers, text, value, a, Operand(), meaning);
}
void Emitter::push(const HandlerPair& handlers, const char* text, int value, const Operand& a, const Operand& b,
                   Meaning meaning) {
  patch(0, a);
  patch(1, b);
  program_->instructions.push_back(
      {form_.wide ? handlers.wide : handlers.narrow, {a.base, b.base}, {a.address, b.address}});
  program_->notes.push_back({text, value, meaning});
}

void Emitter::patch(int which, const Operand& operand) {
  if (operand.slot < 0) return;
  program_->patches.push_back(
      {static_cast<std::int32_t>(program_->instructions.size()), static_cast<std::int16_t>(which), operand.slot});
}

void Emitter::evaluate_leaf(int v) {
  const SweepNode& node = (*nodes_)[v];
  if (node.kind == Kind::draw) {
    push(machine_->draw[static_cast<int>(node.distribution)], "draw", v, {0, Address::fixed, node.slot});
  } else if (node.kind == Kind::column) {
    push(machine_->index, "index", v);
  } else if (node.kind == Kind::input) {  // per row
    note_read(node.slot);
    push(machine_->load_splat[index_of(node.dtype)], "splat", v, {0, row_address(node.dtype), node.slot},
         {.kind = Meaning::Kind::load_splat, .dtype = node.dtype});
  } else {  // per row, of an earlier walk
    push(machine_->load_splat[index_of(program_->dtype)], "splat", v,
         own_memory(node.memory, row_address(program_->dtype)),
         {.kind = Meaning::Kind::load_splat, .dtype = program_->dtype});
  }
}

/// Evaluates a value that is not a simple operand into a temporary.
Emitter::Operand Emitter::evaluated_operand(int v) {
  evaluate(v);
  keep_in_temporary(v);
  return read(v);
}

void Emitter::evaluate(int v) {
  if (accumulator_ == v) return;
  switch (place(v).access) {
    case Access::memory: push(machine_->load, "load", v, read(v), {.kind = Meaning::Kind::load}); break;
    case Access::buffer:
      push(machine_->load_as[form_.partial][index_of(place(v).dtype)], "load", v, read(v),
           buffer_meaning(Meaning::Kind::load, place(v).dtype));
      break;
    case Access::leaf: evaluate_leaf(v); break;
    case Access::computed: evaluate_apply(v); break;
  }
  accumulator_ = v;
}

void Emitter::evaluate_apply(int v) {
  const SweepNode& node = (*nodes_)[v];
  const int a = node.operands[0];
  if (node.is_reduce()) {  // of a row that is one block
    evaluate(a);
    push(machine_->reduce_row[static_cast<int>(node.reduction)], reduction_name(node.reduction), v,
         {.kind = Meaning::Kind::reduce_row, .reduction = node.reduction});
  } else if (node.operand_count == 1) {
    evaluate(a);
    push_function(node);
    push({node.handlers->wide, node.handlers->narrow}, node.kernel->name, v, apply_meaning(node, OperandForm::plain));
  } else if (node.operand_count == 2) {
    evaluate_binary(v);
  } else {
    for (int k = 1; k <= 2; ++k)
      if (!is_simple(node.operands[k])) evaluated_operand(node.operands[k]);
    evaluate(a);
    const Operand b = simple_operand(node.operands[1]), c = simple_operand(node.operands[2]);
    push_function(node);
    push({node.handlers->wide, node.handlers->narrow}, node.kernel->name, v, b, c,
         apply_meaning(node, OperandForm::plain));
  }
  for (int k = 0; k < node.operand_count; ++k) consume(node.operands[k]);
}

/// For a kernel on arrays: sets the function that the next instruction calls.
void Emitter::push_function(const SweepNode& node) {
  if (node.kernel->arrays == nullptr) return;
  const ArrayFunction function = node.kernel->arrays(program_->dtype);
  push(machine_->set_function, "function", -1, {reinterpret_cast<std::intptr_t>(function), Address::fixed, -1});
}

void Emitter::evaluate_binary(int v) {
  const SweepNode& node = (*nodes_)[v];
  const ElementHandlers& handlers = *node.handlers;
  const char* name = node.kernel->name;
  const int a = node.operands[0], b = node.operands[1];
  const bool simple_a = is_simple(a), simple_b = is_simple(b);
  if (accumulator_ != a && accumulator_ != b && simple_b && place(a).access == Access::memory) {
    const Operand memory_b = simple_operand(b);
    push_function(node);
    push({handlers.wide_memory, handlers.narrow_memory}, name, v, read(a), memory_b,
         apply_meaning(node, OperandForm::memory));
  } else if (simple_a && (accumulator_ == b || !simple_b)) {
    evaluate(b);
    const Operand memory_a = simple_operand(a);
    push_function(node);
    push({handlers.wide_swapped, handlers.narrow_swapped}, name, v, memory_a,
         apply_meaning(node, OperandForm::swapped));
  } else {
    if (!simple_b) evaluated_operand(b);
    evaluate(a);
    const Operand memory_b = simple_operand(b);
    push_function(node);
    push({handlers.wide, handlers.narrow}, name, v, memory_b, apply_meaning(node, OperandForm::plain));
  }
}

void Emitter::perform(int v, const Action& action) {
  const Operand target{action.base, action.address, -1};
  switch (action.kind) {
    case Action::Kind::output:
      push(machine_->store_as[form_.partial][index_of(action.dtype)], "store", v,
           {0, flat_address(action.dtype), action.slot}, buffer_meaning(Meaning::Kind::store, action.dtype));
      stored_.push_back(action.slot);
      break;
    case Action::Kind::output_row:
      push(machine_->store_first[index_of(action.dtype)], "store first", v, {0, row_address(action.dtype), action.slot},
           buffer_meaning(Meaning::Kind::store_first, action.dtype));
      stored_.push_back(action.slot);
      break;
    case Action::Kind::accumulate:
      push(machine_->accumulate[form_.partial][static_cast<int>(action.reduction)], reduction_name(action.reduction), v,
           target, {.kind = Meaning::Kind::accumulate, .reduction = action.reduction});
      break;
    case Action::Kind::write: {
      // The machine's own memory is padded by a block; elsewhere the next row follows directly.
      const bool padded = action.address == Address::scratch_column || action.address == Address::column;
      push(machine_->store_as[form_.partial && !padded][index_of(program_->dtype)], "write", v, target,
           {.kind = Meaning::Kind::store});
      break;
    }
    case Action::Kind::write_row:
      push(machine_->store_first[index_of(program_->dtype)], "write first", v, target,
           {.kind = Meaning::Kind::store_first});
      break;
    case Action::Kind::write_splat:
      push({nullptr, machine_->store_splat}, "write splat", v, target, {.kind = Meaning::Kind::store});
      break;
  }
}

void Emitter::perform_all(int v) {
  const auto index = static_cast<std::size_t>(v);
  for (std::int32_t i = first_action_[index]; i >= 0; i = actions_[i].next) {
    const Action& action = actions_[i];
    const bool is_store = action.kind == Action::Kind::output || action.kind == Action::Kind::output_row;
    if (!delay_stores_ || !is_store) {
      perform(v, action);
      continue;
    }
    delayed_.emplace_back(v, action);
    ++left_[index];
    // Its buffer may be overwritten before the value is needed again.
    if (place(v).temporary < 0) keep_in_temporary(v);
  }
}

/// Keeps the accumulator for later uses in this program: in the output it was written to, or else in a temporary.
void Emitter::keep(int v) {
  if (!form_.partial && scope_ == Scope::elements && !delay_stores_) {
    for (std::int32_t i = first_action_[v]; i >= 0; i = actions_[i].next) {
      const Action& action = actions_[i];
      if (action.kind != Action::Kind::output || action.dtype != program_->dtype) continue;
      place(v).operand = {0, flat_address(action.dtype), action.slot};
      place(v).access = Access::memory;
      return;
    }
  }
  keep_in_temporary(v);
}

void Emitter::keep_in_temporary(int v) {
  Place& where = place(v);
  where.temporary = static_cast<std::int16_t>(take_temporary());
  where.operand = scratch_slot(where.temporary);
  where.access = Access::memory;
  where.kept = static_cast<std::int32_t>(kept_.size());
  kept_.push_back({static_cast<std::int32_t>(program_->instructions.size()), false});
  push(machine_->store, "keep", v, where.operand, {.kind = Meaning::Kind::store});
}

void Emitter::store_delayed() {
  const int last = accumulator_;
  for (const auto& [v, action] : delayed_)
    if (v == last) perform(v, action);
  for (const auto& [v, action] : delayed_) {
    if (v == last) continue;
    evaluate(v);
    perform(v, action);
  }
}

std::int32_t Emitter::emit(Form form) {
  form_ = form;
  emitted_wide_ |= form.wide;
  accumulator_ = -1;
  temporaries_ = 0;
  free_temporaries_.clear();
  delayed_.clear();
  kept_.clear();
  stored_.resize(committed_stores_);
  count_uses();

  const auto first = static_cast<std::int32_t>(program_->instructions.size());
  for (int v = 0; v < nodes_->count(); ++v) {
    const auto index = static_cast<std::size_t>(v);
    const bool acts = first_action_[index] >= 0;
    if (!acts && (left_[index] < 2 || is_simple(v))) continue;
    evaluate(v);
    perform_all(v);
    if (left_[index] > 0 && !is_simple(v)) keep(v);
  }
  store_delayed();
  push(machine_->end, "end", -1);
  drop_unread_stores(first);
  return first;
}

/// Removes stores to temporaries that are never read because the value stayed in the accumulator.
void Emitter::drop_unread_stores(std::int32_t first) {
  if (std::all_of(kept_.begin(), kept_.end(), [](const KeptStore& store) { return store.read; })) return;
  auto& instructions = program_->instructions;
  auto patch = std::find_if(program_->patches.begin(), program_->patches.end(),
                            [&](const Patch& p) { return p.instruction >= first; });
  auto kept = kept_.begin();
  auto out = static_cast<std::size_t>(first);
  for (auto in = out; in < instructions.size(); ++in) {
    const bool is_store = kept != kept_.end() && kept->instruction == static_cast<std::int32_t>(in);
    if (is_store && !(kept++)->read) continue;
    for (; patch != program_->patches.end() && patch->instruction == static_cast<std::int32_t>(in); ++patch)
      patch->instruction = static_cast<std::int32_t>(out);
    instructions[out] = instructions[in];
    program_->notes[out] = program_->notes[in];
    ++out;
  }
  instructions.resize(out);
  program_->notes.resize(out);
}

}  // namespace thalweg::run
