#include "src/plan/schedule.hpp"

#include <algorithm>

namespace thalweg::internal {

void SweepBuild::restore(const State& before) {
  sweep.values.resize(before.values);
  nodes.resize(before.nodes);
  columns = before.columns;
  batches = before.batches;
  reduces = before.reduces;
  has_rows = before.has_rows;
  by_rows = before.by_rows;
}

void SweepBuild::begin(std::int64_t of_size, std::int64_t of_columns, DType dtype) {
  size = of_size;
  columns = of_columns;
  batches = 0;
  reduces = has_rows = by_rows = false;
  sweep.dtype = dtype;
  sweep.values.clear();
  sweep.outputs.clear();
  nodes.clear();
}

std::int32_t SweepBuild::add(const run::SweepValue& value) {
  sweep.values.push_back(value);
  has_rows |= value.extent == run::Extent::per_row || value.kind == run::SweepValue::Kind::reduce;
  return static_cast<std::int32_t>(sweep.values.size()) - 1;
}

void SweepBuild::set_domain() {
  sweep.batches = std::max<std::int64_t>(1, batches);
  const std::int64_t of_batch = size / sweep.batches;
  sweep.columns = columns == 0 ? of_batch : columns;
  sweep.rows = sweep.columns == 0 ? 0 : of_batch / sweep.columns;
}

bool SweepBuild::fuses() {
  set_domain();
  return run::CompiledSweep::can_fuse(sweep);
}

void Schedule::clear() {
  with_lists_of(*this, [](auto& list, auto&) { list.clear(); });
  sweeps_.clear();
  keeps_in_advance = false;
  argument_count_ = 0;
  value_buffer_ = -1;
  build_count = 0;
  kept_buffers.clear();
}

std::int32_t Schedule::add_arena_buffer(const Shape& shape, DType dtype) {
  PlanBuffer buffer;
  buffer.bytes = static_cast<std::size_t>(shape.size()) * size_of(dtype);
  buffer.dtype = dtype;
  return add_buffer(buffer);
}

SweepBuild& Schedule::add_sweep(std::int64_t size, std::int64_t columns, DType dtype) {
  if (build_count == builds.size()) builds.emplace_back();
  SweepBuild& build = builds[build_count];
  build.begin(size, columns, dtype);
  build.index = static_cast<std::int32_t>(build_count++);
  build.pass = add_pass(Pass::Kind::sweep, build_count);
  return build;
}

void Schedule::drop_sweeps_without_outputs() {
  std::erase_if(passes_, [&](const Pass& pass) {
    return pass.kind == Pass::Kind::sweep && builds[static_cast<std::size_t>(pass.index)].sweep.outputs.empty();
  });
}

std::int32_t Schedule::add_copy(std::int32_t node, DType dtype, std::int32_t input, const StridedView& view,
                                const Shape& shape) {
  CopyPass& pass = copies_.emplace_back();
  pass.node = node;
  pass.input = input;
  pass.dtype = dtype;
  pass.output = add_arena_buffer(shape, dtype);
  pass.shape = shape;
  pass.view = view;
  add_pass(Pass::Kind::copy, copies_.size());
  return pass.output;
}

}  // namespace thalweg::internal
