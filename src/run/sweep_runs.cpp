#include "src/run/sweep_runs.hpp"

#include <algorithm>
#include <iterator>

namespace thalweg::run {

RunReader::RunReader(const SweepProgram& program) : program_(program), slots_(program.instructions.size(), {-1, -1}) {
  for (const Patch& patch : program.patches) slots_[patch.instruction][patch.which] = patch.slot;
}

Memory RunReader::memory(int i, int which) const {
  const Instruction& instruction = program_.instructions[i];
  const std::int32_t slot = slots_[i][which];
  return {instruction.address[which], slot >= 0 ? 0 : instruction.base[which], slot};
}

Run RunReader::read(int begin, int end) {
  Run run;
  run.begin = begin, run.end = end;
  run.values.emplace_back();
  known_.clear();
  for (int i = begin; i < end; ++i) add(run, i);
  for (std::size_t k = 0; k < run.operations.size(); ++k) drop_if_unread(run, k);
  count_uses(run);
  return run;
}

int RunReader::value_in(Run& run, int i, int which) {
  const Memory place = memory(i, which);
  const auto known = std::find_if(known_.begin(), known_.end(), [&](const auto& k) { return k.first == place; });
  if (known != known_.end()) return known->second;
  run.values.push_back({place, i, which});
  const int value = static_cast<int>(run.values.size()) - 1;
  known_.emplace_back(place, value);
  return value;
}

void RunReader::set_known(const Memory& place, int value) {
  std::erase_if(known_, [&](const auto& k) { return k.first == place; });
  known_.emplace_back(place, value);
}

/// An earlier operation that computes the same; null if there is none.
const Operation* RunReader::earlier(const Run& run, const Operation& operation) {
  const auto same = [&](const Operation& other) {
    return other.meaning.kind == Meaning::Kind::apply && other.meaning.primitive == operation.meaning.primitive &&
           std::equal(std::begin(other.operands), std::end(other.operands), std::begin(operation.operands));
  };
  const auto found = std::find_if(run.operations.begin(), run.operations.end(), same);
  return found == run.operations.end() ? nullptr : &*found;
}

void RunReader::add(Run& run, int i) {
  const Meaning& s = meaning(i);
  Operation operation;
  operation.meaning = s;
  operation.instruction = i;
  switch (s.kind) {
    case Meaning::Kind::load: operation.operands[0] = run.outgoing = value_in(run, i, 0); break;
    case Meaning::Kind::copy:
      operation.meaning.kind = Meaning::Kind::load;
      operation.operands[0] = value_in(run, i, 0);
      run.operations.push_back(operation);
      operation.meaning = {.kind = Meaning::Kind::store};
      operation.target = memory(i, 1);
      set_known(operation.target, operation.operands[0]);
      break;
    case Meaning::Kind::load_splat:
      operation.target = memory(i, 0);
      operation.result = run.outgoing = static_cast<int>(run.values.size());
      run.values.emplace_back();
      break;
    case Meaning::Kind::reduce_row:
      operation.operands[0] = run.outgoing;
      operation.result = run.outgoing = static_cast<int>(run.values.size());
      run.values.emplace_back();
      break;
    case Meaning::Kind::store:
    case Meaning::Kind::store_first:
    case Meaning::Kind::accumulate:
      operation.target = memory(i, 0);
      operation.operands[0] = run.outgoing;
      if (s.kind == Meaning::Kind::store) set_known(operation.target, run.outgoing);
      break;
    case Meaning::Kind::apply:
      operation.operands[0] = run.outgoing;
      if (s.arity == 3) {
        operation.operands[1] = value_in(run, i, 0), operation.operands[2] = value_in(run, i, 1);
      } else if (s.arity == 2) {
        const bool both = s.form == OperandForm::memory;
        const int first = value_in(run, i, 0);
        operation.operands[0] = s.form == OperandForm::plain ? run.outgoing : first;
        operation.operands[1] = both ? value_in(run, i, 1) : s.form == OperandForm::plain ? first : run.outgoing;
      }
      if (const Operation* same = earlier(run, operation)) {
        run.outgoing = same->result;
        return;
      }
      operation.result = run.outgoing = static_cast<int>(run.values.size());
      run.values.emplace_back();
      break;
    case Meaning::Kind::opaque: return;
  }
  run.operations.push_back(operation);
}

/// Drops stores to temporaries that no instruction after the run reads.
void RunReader::drop_if_unread(Run& run, std::size_t k) const {
  Operation& store = run.operations[k];
  if (store.meaning.kind != Meaning::Kind::store || !store.target.is_temporary()) return;
  const auto same = [&](const Operation& o) {
    return o.meaning.kind == Meaning::Kind::store && o.target == store.target;
  };
  store.dropped =
      std::any_of(run.operations.begin() + static_cast<std::ptrdiff_t>(k) + 1, run.operations.end(), same) ||
      !is_read_from(run.end, store.target);
}

bool RunReader::is_read_from(int i, const Memory& place) const {
  for (; !is_end(i); ++i) {
    const bool stores = meaning(i).kind == Meaning::Kind::store, copies = meaning(i).kind == Meaning::Kind::copy;
    if (!stores && (memory(i, 0) == place || (!copies && memory(i, 1) == place))) return true;
    if ((stores && memory(i, 0) == place) || (copies && memory(i, 1) == place)) return false;
  }
  return false;
}

void RunReader::count_uses(Run& run) const {
  for (std::size_t k = 0; k < run.operations.size(); ++k) {
    if (run.operations[k].dropped) continue;
    for (const int v : run.operations[k].operands) {
      if (v < 0) continue;
      ++run.values[v].uses;
      run.values[v].last_use = static_cast<int>(k);
    }
  }
  if (!reads_accumulator(run.end)) return;
  Value& out = run.values[run.outgoing];
  ++out.uses;
  out.last_use = static_cast<int>(run.operations.size());
}

/// Whether an instruction from `i` on reads the accumulator's value from before it.
bool RunReader::reads_accumulator(int i) const {
  const Meaning& next = meaning(i);
  if (next.kind == Meaning::Kind::copy) return reads_accumulator(i + 1);
  const bool overwrites = next.kind == Meaning::Kind::load || next.kind == Meaning::Kind::load_splat ||
                          (next.kind == Meaning::Kind::apply && next.form == OperandForm::memory && next.arity == 2);
  return !overwrites && !is_end(i);
}

}  // namespace thalweg::run
