// How views are read: from their input's memory where possible.

#include <bit>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/planner.hpp"

namespace thalweg::internal {

namespace {

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

/// Places a view; the first of these that applies:
///   a reshape, with all of the input's elements in order: the input's memory (for a number: left to the readers)
///   a transpose, or matrices that only products read and can read in place: left to the readers
///   rows of a larger matrix, as in a slice of columns, that sweeps read: left to the readers
///   contiguous elements, as in a slice of rows: an alias into the input's buffer, whose offset numbers may change
///   anything else: a copy
void Planner::place_view(PlannedNode& node, const Key& key) {
  const std::span<const std::int32_t> inputs = recorder_->inputs(key);
  const std::int32_t input = inputs[0];
  const Shape &shape_in = shape(input), &shape_out = shape(node.id);
  const StridedView view = view_of(node.id, key);
  const bool moves = key.op != &reshape_op && inputs.size() > 1 && is_number(this->key(inputs[1]));
  const bool contiguous = is_contiguous(view, shape_out);
  if (contiguous && !moves && view.offset == 0 && shape_in.size() == shape_out.size())
    return place_whole_view(node, key, input);

  const bool only_factors = node.uses == node.factor_uses && !node.target && lies_as_matrices(view, shape_out);
  if (!moves && !eager_ && (is_transpose(view, shape_in, shape_out) || (only_factors && view.offset == 0)))
    return leave_to_readers(node, input);

  const std::int32_t buffer = materialize(input);
  node.where = PlannedNode::Where::buffer;
  if (contiguous) {
    PlanBuffer part;
    part.place = PlanBuffer::Place::alias;
    part.base = buffer;
    part.node = node.id;
    part.dtype = info(node.id).dtype;
    part.bytes = bytes_of(node.id);
    part.offset = static_cast<std::size_t>(view.offset) * size_of(part.dtype);
    if (moves) part.index = dynamic_view(node.id, inputs);
    node.buffer = add_buffer(part);
    node.pass = node.buffer_pass = this->node(input).buffer_pass;
    return;
  }
  if (leave_rows_to_readers(node, view, buffer)) {
    if (moves) this->buffer(rows_of(node.id).buffer).index = dynamic_view(node.id, inputs);
    node.pass = this->node(input).buffer_pass;
    return;
  }
  node.buffer = copy_view(node.id, buffer, view, shape_out);
  if (moves) draft_.copies_.back().dynamic = dynamic_view(node.id, inputs);
  node.pass = node.buffer_pass = last_pass();
}

/// Leaves rows that lie apart in `buffer` to the readers if they are sweeps.
bool Planner::leave_rows_to_readers(PlannedNode& node, const StridedView& view, std::int32_t buffer) {
  const Shape& shape = this->shape(node.id);
  const Info& info = this->info(node.id);
  if (eager_ || node.target || node.uses != node.row_uses || !is_floating(info.dtype) || shape.size() == 0)
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
  const std::size_t bytes = static_cast<std::size_t>(length) * size_of(info.dtype);
  if (bytes < least_row_bytes || stride == 0) return false;
  PlanBuffer rows;
  rows.place = PlanBuffer::Place::alias;
  rows.base = buffer;
  rows.node = node.id;
  rows.dtype = info.dtype;
  rows.bytes = bytes_of(node.id);
  rows.offset = static_cast<std::size_t>(view.offset) * size_of(info.dtype);
  node.where = PlannedNode::Where::lazy;
  node.rows = static_cast<std::int32_t>(rows_.size());
  rows_.push_back({add_buffer(rows), length, stride});
  return true;
}

/// Copies out rows that a sweep cannot read in place beside the node's other operands: only values per element, or per
/// column of a row, go with them.
void Planner::copy_out_rows(std::span<const std::int32_t> inputs, const Key& key, const Shape& domain) {
  std::int64_t length = 0;
  for (const std::int32_t input : inputs)
    if (is_rows(input)) length = rows_of(input).length;
  if (length == 0) return;
  bool agree = can_run_by_rows(key, compute_dtype(key));
  for (const std::int32_t input : inputs) {
    if (is_rows(input)) {
      agree = agree && rows_of(input).length == length && shape(input).size() == domain.size();
    } else {
      const OperandGeometry geometry = natural_geometry(input, domain);
      agree = agree && geometry.simple && geometry.batches == 0 && geometry.extent != run::Extent::per_row &&
              (geometry.columns == 0 || geometry.columns == length);
    }
  }
  if (agree) return;
  for (const std::int32_t input : inputs)
    if (is_rows(input)) materialize(input);
}

/// The strides of a view, for the present numbers.
StridedView Planner::view_of(std::int32_t id, const Key& key) {
  const std::span<const std::int32_t> inputs = recorder_->inputs(key);
  double numbers[Shape::max_rank] = {};
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    const Key& number = this->key(inputs[i]);
    if (number.op == &number_op) numbers[i - 1] = recorder_->slot(inputs[i]).number;
    if (number.op == &literal_op) numbers[i - 1] = std::bit_cast<double>(number.attribute);
  }
  return key.op->view_rule(shape(inputs[0]), shape(id), key.attribute, {numbers, inputs.size() - 1});
}

/// Places a view that has all of the input's elements in order.
void Planner::place_whole_view(PlannedNode& node, const Key& key, std::int32_t input) {
  const PlannedNode& from = this->node(input);
  const Key& made_by = this->key(input);
  const bool is_one_number = shape(input).size() == 1 && (is_number(made_by) || made_by.op->kind == Kind::elementwise ||
                                                          made_by.op->kind == Kind::view);
  if (from.where == PlannedNode::Where::lazy && is_one_number) return leave_to_readers(node, input);
  take_elements(node, input);
  if (key.op == &reshape_op && from.uses == 1 && !from.target) node.matmul = from.matmul;
}

void Planner::leave_to_readers(PlannedNode& node, std::int32_t input) {
  node.where = PlannedNode::Where::lazy;
  node.pass = this->node(input).pass;
}

/// Makes the node share the elements of `input`, materializing it if it is lazy.
void Planner::take_elements(PlannedNode& node, std::int32_t input) {
  if (this->node(input).where != PlannedNode::Where::lazy) return alias(node, input);
  materialize(input);
  node.where = PlannedNode::Where::buffer;
  node.buffer = this->node(input).buffer;
  node.pass = node.buffer_pass = this->node(input).buffer_pass;
}

void Planner::alias(PlannedNode& node, std::int32_t input) {
  const PlannedNode& from = this->node(input);
  node.where = from.where;
  node.buffer = from.buffer;
  node.sweep = from.sweep;
  node.value = from.value;
  node.pass = from.pass;
  node.buffer_pass = from.buffer_pass;
}

std::int32_t Planner::dynamic_view(std::int32_t id, std::span<const std::int32_t> inputs) {
  DynamicView& dynamic = draft_.dynamic_views_.emplace_back();
  dynamic.op = key(id).op;
  dynamic.attribute = key(id).attribute;
  dynamic.input = info(inputs[0]).shape;
  dynamic.output = info(id).shape;
  dynamic.count = static_cast<std::int32_t>(inputs.size()) - 1;
  for (std::size_t i = 1; i < inputs.size(); ++i) dynamic.numbers[i - 1] = number_slot(inputs[i]);
  return static_cast<std::int32_t>(draft_.dynamic_views_.size()) - 1;
}

}  // namespace thalweg::internal
