#include "src/plan/compilation.hpp"

#include <utility>

namespace thalweg::internal {

using Place = PlanBuffer::Place;

void Compilation::compile() {
  find_moving_buffers();
  find_moving_passes();
  schedule_.sweeps_.reserve(schedule_.build_count);
  for (Pass& pass : schedule_.passes_) {
    if (pass.kind != Pass::Kind::sweep) continue;
    compile_sweep(pass);
    pass.index = static_cast<std::int32_t>(schedule_.sweeps_.size()) - 1;
  }
  bind_what_moves_for_others();
}

void Compilation::find_moving_buffers() {
  moves_.assign(schedule_.buffers_.size(), Moves::never);
  for (std::size_t i = 0; i < moves_.size(); ++i) {
    const PlanBuffer& buffer = schedule_.buffers_[i];
    if (buffer.place == Place::constant || buffer.place == Place::held) moves_[i] = Moves::for_sweeps;
    if (buffer.place != Place::alias || (buffer.index < 0 && moves(buffer.base) == Moves::never)) continue;
    moves_[i] = Moves::for_others;
    if (moves(buffer.base) == Moves::for_sweeps) moves(buffer.base) = Moves::for_others;
  }
}

/// Finds the passes other than sweeps that use moving buffers.
void Compilation::find_moving_passes() {
  for (std::size_t i = 0; i < schedule_.passes_.size(); ++i) {
    const Pass& pass = schedule_.passes_[i];
    if (pass.kind == Pass::Kind::sweep) continue;  // see compile_sweep
    bool is_moving = false;
    const auto look = [&](std::int32_t buffer) {
      if (moves(buffer) == Moves::never) return;
      moves(buffer) = Moves::for_others;
      is_moving = true;
    };
    schedule_.for_each_read(pass, look);
    schedule_.for_each_write(pass, look);
    if (is_moving) schedule_.prepared_.push_back(static_cast<std::int32_t>(i));
  }
}

void Compilation::compile_sweep(const Pass& pass) {
  SweepBuild& build = schedule_.builds[static_cast<std::size_t>(pass.index)];
  build.set_domain();
  std::vector<std::int32_t>& lists = schedule_.lists_;
  const auto end = [&] { return static_cast<std::int32_t>(lists.size()); };
  run::ListRange nodes{end()}, reads, writes;
  lists.insert(lists.end(), build.nodes.begin(), build.nodes.end());
  nodes.end = reads.begin = end();
  schedule_.for_each_read(pass, [&](std::int32_t buffer) { lists.push_back(buffer); });
  reads.end = writes.begin = end();
  schedule_.for_each_write(pass, [&](std::int32_t buffer) { lists.push_back(buffer); });
  writes.end = end();
  run::CompiledSweep sweep(build.sweep);
  const std::span<const std::int32_t> buffers = sweep.buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i)
    note_argument(buffers[i], schedule_.argument_count_ + static_cast<std::int32_t>(i));
  const auto arguments = static_cast<std::int32_t>(sweep.argument_count());
  schedule_.sweeps_.push_back({std::move(sweep), build.sweep.batches * build.sweep.rows, build.sweep.columns, nodes,
                               reads, writes,
                               std::exchange(schedule_.argument_count_, schedule_.argument_count_ + arguments)});
}

/// Notes how an argument of a sweep is bound at each run, if its buffer moves.
void Compilation::note_argument(std::int32_t buffer, std::int32_t argument) {
  const PlanBuffer& moving = schedule_.buffer(buffer);
  switch (moves(buffer)) {
    case Moves::never: return;
    case Moves::for_others: schedule_.moving_arguments_.push_back({buffer, argument}); return;
    case Moves::for_sweeps:
    case Moves::for_compiled_sweeps:
      moves(buffer) = Moves::for_compiled_sweeps;
      if (moving.place == Place::constant)
        schedule_.constant_arguments_.push_back({moving.node, argument});
      else
        schedule_.held_arguments_.push_back({held_buffer(buffer), argument});
  }
}

HeldBuffer Compilation::held_buffer(std::int32_t buffer) const {
  const std::int32_t node = schedule_.buffer(buffer).node;
  return {node, buffer, graph_.info(node).shape, graph_.info(node).dtype};
}

/// A buffer that is no argument of a sweep belongs to them: a value that an earlier request holds may be all that is asked
/// for.
void Compilation::bind_what_moves_for_others() {
  for (std::size_t i = 0; i < moves_.size(); ++i) {
    if (moves_[i] != Moves::for_others && moves_[i] != Moves::for_sweeps) continue;
    const auto at = static_cast<std::int32_t>(i);
    const PlanBuffer& buffer = schedule_.buffers_[i];
    switch (buffer.place) {
      case Place::constant: schedule_.constants_.push_back({buffer.node, at}); break;
      case Place::held: schedule_.held_.push_back(held_buffer(at)); break;
      default: schedule_.moving_views_.push_back(at);
    }
  }
}

}  // namespace thalweg::internal
