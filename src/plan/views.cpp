#include "src/plan/views.hpp"

namespace thalweg::internal {

namespace {

/// Bytes of a slice's rows from which on sweeps read it in place, a row a batch.
constexpr std::size_t least_row_bytes = 128;

bool is_contiguous(const StridedView& view, const Shape& shape) {
  std::int64_t stride = 1;
  for (int axis = shape.rank(); axis-- > 0; stride *= shape[axis])
    if (shape[axis] != 1 && view.strides[axis] != stride) return false;
  return true;
}

bool is_transpose(const StridedView& view, const Shape& input, const Shape& output) {
  return input.rank() == 2 && output.rank() == 2 && view.offset == 0 && view.strides[0] == 1 &&
         view.strides[1] == input[1] && output[0] == input[1] && output[1] == input[0];
}

}  // namespace

/// The first of these that applies:
///   a reshape, with all of the input's elements in order: the input's memory (for a number: left to the readers)
///   a transpose, or matrices that only products read and can read in place: left to the readers
///   rows of a larger matrix, as in a slice of columns, that sweeps read: left to the readers
///   contiguous elements, as in a slice of rows: an alias into the input's buffer, whose offset numbers may change
///   anything else: a copy
void Views::place(PlannedNode& node, const Key& key) {
  const std::span<const std::int32_t> inputs = graph_.inputs(key);
  const std::int32_t input = inputs[0];
  const Shape &shape_in = graph_.shape(input), &shape_out = graph_.shape(node.id);
  const StridedView view = operands_.view_of(node.id, key);
  const bool moves = key.op != &reshape_op && inputs.size() > 1 && is_number(graph_.key(inputs[1]));
  const bool contiguous = is_contiguous(view, shape_out);
  if (contiguous && !moves && view.offset == 0 && shape_in.size() == shape_out.size())
    return place_whole(node, key, input);

  const bool only_factors = node.uses == node.factor_uses && !node.target && lies_as_matrices(view, shape_out);
  if (!moves && !graph_.is_eager() && (is_transpose(view, shape_in, shape_out) || (only_factors && view.offset == 0)))
    return leave_to_readers(node, input);

  const std::int32_t buffer = operands_.materialize(input);
  node.where = PlannedNode::Where::buffer;
  if (contiguous) {
    PlanBuffer part = alias_of(buffer, node.id, view);
    if (moves) part.index = numbers_.add_dynamic_view(node.id, inputs);
    node.buffer = schedule_.add_buffer(part);
    node.pass = node.buffer_pass = graph_.node(input).buffer_pass;
    return;
  }
  if (leave_rows_to_readers(node, view, buffer)) {
    if (moves) schedule_.buffer(operands_.rows_of(node.id).buffer).index = numbers_.add_dynamic_view(node.id, inputs);
    node.pass = graph_.node(input).buffer_pass;
    return;
  }
  node.buffer = operands_.copy_view(node.id, buffer, view, shape_out);
  if (moves) schedule_.copies_.back().dynamic = numbers_.add_dynamic_view(node.id, inputs);
  node.pass = node.buffer_pass = schedule_.last_pass();
}

/// The part of `buffer` that begins with the view's first element.
PlanBuffer Views::alias_of(std::int32_t buffer, std::int32_t id, const StridedView& view) const {
  PlanBuffer part;
  part.place = PlanBuffer::Place::alias;
  part.base = buffer;
  part.node = id;
  part.dtype = graph_.info(id).dtype;
  part.bytes = graph_.bytes(id);
  part.offset = static_cast<std::size_t>(view.offset) * size_of(part.dtype);
  return part;
}

/// Leaves rows that lie apart in `buffer` to the readers if they are sweeps.
bool Views::leave_rows_to_readers(PlannedNode& node, const StridedView& view, std::int32_t buffer) {
  const Shape& shape = graph_.shape(node.id);
  const DType dtype = graph_.info(node.id).dtype;
  if (graph_.is_eager() || node.target || node.uses != node.row_uses || !is_floating(dtype) || shape.size() == 0)
    return false;
  std::int64_t length = 1, count = 1, stride = 0;
  for (int axis = shape.rank(); axis-- > 0;) {
    if (shape[axis] == 1) continue;
    if (count == 1 && view.strides[axis] == length) {
      length *= shape[axis];
    } else {
      if (count == 1) stride = view.strides[axis];
      if (view.strides[axis] != stride * count) return false;
      count *= shape[axis];
    }
  }
  const std::size_t bytes = static_cast<std::size_t>(length) * size_of(dtype);
  if (bytes < least_row_bytes || stride == 0) return false;
  operands_.leave_rows(node, {schedule_.add_buffer(alias_of(buffer, node.id, view)), length, stride});
  return true;
}

/// Places a view that has all of the input's elements in order.
void Views::place_whole(PlannedNode& node, const Key& key, std::int32_t input) {
  const PlannedNode& from = graph_.node(input);
  const Key& made_by = graph_.key(input);
  const bool is_one_number =
      graph_.shape(input).size() == 1 &&
      (is_number(made_by) || made_by.op->kind == Kind::elementwise || made_by.op->kind == Kind::view);
  if (from.where == PlannedNode::Where::lazy && is_one_number) return leave_to_readers(node, input);
  take_elements(node, input);
  if (key.op == &reshape_op && from.uses == 1 && !from.target) node.matmul = from.matmul;
}

void Views::leave_to_readers(PlannedNode& node, std::int32_t input) {
  node.where = PlannedNode::Where::lazy;
  node.pass = graph_.node(input).pass;
}

void Views::take_elements(PlannedNode& node, std::int32_t input) {
  const PlannedNode& from = graph_.node(input);
  if (from.where == PlannedNode::Where::lazy) {
    operands_.materialize(input);
    node.where = PlannedNode::Where::buffer;
    node.buffer = from.buffer;
    node.pass = node.buffer_pass = from.buffer_pass;
    return;
  }
  node.where = from.where;
  node.buffer = from.buffer;
  node.sweep = from.sweep;
  node.value = from.value;
  node.pass = from.pass;
  node.buffer_pass = from.buffer_pass;
}

}  // namespace thalweg::internal
