#include "src/plan/placement.hpp"

#include <algorithm>

#include "src/run/reduce.hpp"
#include "src/tape/mutation.hpp"

namespace thalweg::internal {

using run::Extent;

namespace {

/// Arithmetic on numbers of up to this many values is repeated by each reader; beyond that it is computed once.
constexpr int max_number_size = 16;

/// Attribute: the axes as bits and, above them, the reduction.
void strided_reduction_kernel(const OpaqueCall& call) {
  const auto axes = static_cast<std::uint32_t>(call.attribute & ((1U << Shape::max_rank) - 1));
  run::reduce_axes(call.inputs[0], call.output, call.input_types[0].shape, axes,
                   static_cast<run::Reduction>(call.attribute >> Shape::max_rank), call.output_type.dtype);
}

/// The kernel of a reduction whose input stays where it is; no node has it.
const Op strided_reduction_op{
    .name = "strided_reduction", .kind = Kind::opaque, .opaque_kernel = strided_reduction_kernel};

}  // namespace

void Placement::place_all() {
  numbers_.begin();
  operands_.begin();
  known_sources_.fill({});
  const bool notes_computed = !graph_.is_eager();
  graph_.for_each_node([&](PlannedNode& node) {
    if (node.where != PlannedNode::Where::nowhere) return;
    if (notes_computed) schedule_.computed.push_back(node.id);
    place(node);
  });
}

void Placement::place(PlannedNode& node) {
  const Key& key = graph_.key(node.id);
  place_by_kind(node, key);
  if (mutation == nullptr) [[likely]]
    return;
  if (key.op->kind == Kind::source || key.op->kind == Kind::effect || graph_.info(node.id).weak) return;
  const Op* const after = mutation->applied_after(*key.op);
  if (after == nullptr) return;
  // From here on, readers of the node read the result of `after` on it.
  const std::int32_t input = node.id;
  place_opaque_pass(node, *after, 0, {&input, 1});
  node.matmul = -1;
}

void Placement::place_by_kind(PlannedNode& node, const Key& key) {
  switch (key.op->kind) {
    case Kind::source: return place_source(node, key);
    case Kind::elementwise: return place_elementwise(node, key);
    case Kind::reduction: return place_reduction(node, key);
    case Kind::broadcast: return place_broadcast(node, key);
    case Kind::view: return views_.place(node, key);
    case Kind::contraction: return contractions_.place(node, key);
    case Kind::random: return fusion_.place_draw(node, key);
    case Kind::opaque: return place_opaque(node, key);
    case Kind::effect: return place_effect(node, key);
  }
}

void Placement::place_source(PlannedNode& node, const Key& key) {
  if (is_number(key) || key.op == &column_index_op) {
    node.where = PlannedNode::Where::lazy;
    return;
  }
  node.where = PlannedNode::Where::buffer;
  KnownSource& known = known_sources_[(key.attribute * 0x9E3779B97F4A7C15u) >> 58];
  const bool is_known = key.op != &constant_op && known.buffer >= 0 && known.attribute == key.attribute;
  if (is_known) {
    node.buffer = known.buffer;
    return;
  }
  PlanBuffer buffer;
  buffer.place = key.op == &constant_op ? PlanBuffer::Place::constant : PlanBuffer::Place::registry;
  buffer.node = node.id;
  buffer.bytes = graph_.bytes(node.id);
  buffer.dtype = graph_.info(node.id).dtype;
  node.buffer = schedule_.add_buffer(buffer);
  if (key.op != &constant_op) known = {key.attribute, node.buffer};
}

/// The readers compute it.
void Placement::place_broadcast(PlannedNode& node, const Key& key) {
  const PlannedNode& from = graph_.node(key.inputs[0]);
  if (from.where == PlannedNode::Where::lazy && graph_.key(from.id).op->kind == Kind::view &&
      graph_.shape(from.id).size() != 1)
    operands_.materialize(from.id);
  node.where = PlannedNode::Where::lazy;
  node.pass = from.pass;
}

/// An assign node stands for the assigned value.
void Placement::place_effect(PlannedNode& node, const Key& key) {
  const std::int32_t id = node.id, uses = node.uses;
  const bool target = node.target;
  node = graph_.node(graph_.inputs(key)[0]);
  node.id = id, node.uses = uses, node.target = target, node.matmul = node.stretched_copy = -1;
}

// --- elementwise ---

void Placement::place_elementwise(PlannedNode& node, const Key& key) {
  if (is_arithmetic_on_numbers(node, key)) {
    node.where = PlannedNode::Where::lazy;
    node.pass = fusion_.last_pass_of(graph_.inputs(key));
    if (node.number_size > max_number_size) compute_number(node);
    return;
  }
  if (!contractions_.take_in_epilogue(node, key)) fusion_.place_elementwise(node, key);
}

/// Arithmetic on numbers has no pass of its own: the readers compute it.
bool Placement::is_arithmetic_on_numbers(PlannedNode& node, const Key& key) {
  if (graph_.shape(node.id).rank() != 0 || graph_.info(node.id).dtype == DType::boolean) return false;
  int size = 1;
  for (const std::int32_t input : graph_.inputs(key)) {
    const PlannedNode& operand = graph_.node(input);
    const bool is_number_like = operand.where == PlannedNode::Where::lazy && graph_.shape(input).rank() == 0 &&
                                (is_number(graph_.key(input)) || graph_.key(input).op->kind == Kind::elementwise);
    if (!is_number_like) return false;
    size += std::max<int>(1, operand.number_size);
  }
  node.number_size = static_cast<std::uint8_t>(size);
  return true;
}

/// Computes a number in each of the dtypes it is read in, once it is too large to repeat in each reader.
void Placement::compute_number(PlannedNode& node) {
  const std::int32_t id = node.id;
  if (node.number_dtypes == 0) node.number_dtypes = 1u << static_cast<unsigned>(graph_.info(id).dtype);
  for (const DType dtype : {DType::f32, DType::f64, DType::i64}) {
    if ((node.number_dtypes >> static_cast<unsigned>(dtype) & 1) == 0) continue;
    SweepBuild& sweep = schedule_.add_sweep(1, 1, dtype);
    const std::int32_t value = operands_.emit(sweep, id, Extent::single);
    const std::int32_t buffer = schedule_.add_arena_buffer(graph_.shape(id), dtype);
    sweep.sweep.outputs.push_back({value, buffer, dtype});
    sweep.nodes.push_back(id);
    numbers_.note_computed({id, dtype, buffer});
  }
  node.number_size = 1;
  node.pass = schedule_.last_pass();
}

// --- reductions ---

void Placement::place_reduction(PlannedNode& node, const Key& key) {
  const std::int32_t input = key.inputs[0];
  const Shape& from = graph_.shape(input);
  const std::uint32_t axes = key.op == &sum_to_op ? stretched_axes(from, graph_.shape(node.id))
                                                  : static_cast<std::uint32_t>(key.attribute & axes_bits);
  const ReductionGeometry geometry = reduction_geometry(from, axes);
  switch (geometry.form) {
    case ReductionGeometry::Form::nothing: return views_.take_elements(node, input);
    case ReductionGeometry::Form::general:
      if (!reduce_in_place(node, key, axes)) reduce_reordered(node, key, axes, geometry.columns);
      return;
    default: return fusion_.place_reduction(node, key, geometry);
  }
}

/// Reduces axes that have kept axes on both sides where they are. False where no kernel does that.
bool Placement::reduce_in_place(PlannedNode& node, const Key& key, std::uint32_t axes) {
  const std::int32_t input = key.inputs[0];
  const auto reduction = static_cast<run::Reduction>(key.op->reduction);
  const DType dtype = graph_.info(node.id).dtype;
  const bool same_dtype = is_floating(dtype) && graph_.info(input).dtype == dtype;
  if (!same_dtype || reduction == run::Reduction::product || graph_.shape(input).size() == 0) return false;
  place_opaque_pass(node, strided_reduction_op, axes | static_cast<std::uint64_t>(reduction) << Shape::max_rank,
                    graph_.inputs(key));
  return true;
}

/// Copies with the kept axes first and the reduced ones last, then reduces the rows of the copy.
void Placement::reduce_reordered(PlannedNode& node, const Key& key, std::uint32_t axes, std::int64_t columns) {
  const std::int32_t input = key.inputs[0];
  const Shape& from = graph_.shape(input);
  StridedView view;
  const Shape reordered = kept_axes_first(from, axes, view);
  const std::int32_t copied = operands_.copy_view(input, operands_.materialize(input), view, reordered);
  SweepBuild& sweep = schedule_.add_sweep(from.size(), columns, graph_.info(node.id).dtype);
  const std::int32_t value = operands_.emit_input(sweep, copied, Extent::element, graph_.info(input).dtype);
  Fusion::append_reduction(sweep, node, key, value, Extent::per_row);
}

// --- opaque ops ---

void Placement::place_opaque(PlannedNode& node, const Key& key) {
  const std::span<const std::int32_t> inputs = graph_.inputs(key);
  if (key.op == &cast_op) {
    const DType from = graph_.info(inputs[0]).dtype;
    if (from == DType::boolean && take_truth(node, inputs[0])) return;
    const bool converts_as_read = (from == DType::boolean || from == DType::i64) &&
                                  is_floating(graph_.info(node.id).dtype) && !graph_.info(inputs[0]).weak;
    if (converts_as_read) {
      operands_.materialize(inputs[0]);
      node.where = PlannedNode::Where::lazy;
      node.pass = graph_.node(inputs[0]).buffer_pass;
      return;
    }
  }
  place_opaque_pass(node, *key.op, key.attribute, inputs);
}

/// A truth value is the number 0 or 1 in the sweep that computes it: as a number of the sweep's dtype it is the same value.
bool Placement::take_truth(PlannedNode& node, std::int32_t input) {
  const PlannedNode& truth = graph_.node(input);
  if (truth.where != PlannedNode::Where::sweep) return false;
  SweepBuild& sweep = schedule_.builds[static_cast<std::size_t>(truth.sweep)];
  if (sweep.sweep.dtype != graph_.info(node.id).dtype) return false;
  Fusion::put(node, sweep, truth.value);
  return true;
}

void Placement::place_opaque_pass(PlannedNode& node, const Op& op, std::uint64_t attribute,
                                  std::span<const std::int32_t> inputs) {
  OpaquePass pass;
  pass.node = node.id;
  pass.inputs.begin = pass.inputs.end = static_cast<std::int32_t>(schedule_.opaque_inputs_.size());
  pass.origin = graph_.recorder().origin(node.id);
  pass.op = &op;
  pass.attribute = attribute;
  for (const std::int32_t input : inputs) {
    schedule_.opaque_inputs_.push_back(operands_.materialize(input));
    schedule_.opaque_types_.push_back(graph_.recorder().type(input));
    ++pass.inputs.end;
  }
  pass.output_type = graph_.recorder().type(node.id);
  pass.output = schedule_.add_arena_buffer(graph_.shape(node.id), graph_.info(node.id).dtype);
  node.where = PlannedNode::Where::buffer;
  node.buffer = pass.output;
  schedule_.opaques_.push_back(pass);
  node.pass = node.buffer_pass = schedule_.add_pass(Pass::Kind::opaque, schedule_.opaques_.size());
}

}  // namespace thalweg::internal
