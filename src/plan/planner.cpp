#include "src/plan/planner.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "src/core_ops/core_ops.hpp"

namespace thalweg::internal {

using run::Extent;
using run::SweepValue;

namespace {

/// Values of one sweep at most: it bounds the vector machine's programs and the time to plan.
constexpr std::size_t max_values = 96;
/// How many passes back a node looks for one to join.
constexpr int passes_to_try = 8;
/// Arithmetic on numbers is repeated where it is read up to this depth, then computed once.
constexpr int max_weak_depth = 16;

bool is_number(const Key& key) { return key.op == &number_op || key.op == &literal_op; }

Extent join_extents(Extent a, Extent b) {
  if (a == b || b == Extent::single) return a;
  return a == Extent::single ? b : Extent::element;
}

bool is_contiguous(const StridedView& view, const Shape& shape) {
  std::int64_t stride = 1;
  for (int axis = shape.rank(); axis-- > 0; stride *= shape[axis])
    if (shape[axis] != 1 && view.strides[static_cast<std::size_t>(axis)] != stride) return false;
  return true;
}

bool is_transpose(const StridedView& view, const Shape& input, const Shape& output) {
  return input.rank() == 2 && output.rank() == 2 && view.offset == 0 && view.strides[0] == 1 &&
         view.strides[1] == input[1] && output[0] == input[1] && output[1] == input[0];
}

StridedView view_of(const Key& key, const Shape& input, const Shape& output, std::span<const double> numbers) {
  return key.op->view_rule(input, output, key.attribute, numbers);
}

}  // namespace

Planner::Node& Planner::node(std::int32_t id) { return nodes_[static_cast<std::size_t>(place_of(id))]; }

std::size_t Planner::bytes_of(std::int32_t id) const {
  return static_cast<std::size_t>(shape(id).size()) * size_of(recorder_.info(id).dtype);
}

// --- where each node is computed ---

void Planner::place(Node& node) {
  const Key& key = this->key(node.id);
  switch (key.op->kind) {
    case Kind::source:
      return place_source(node, key);
    case Kind::elementwise:
      return place_elementwise(node, key);
    case Kind::reduction:
      return place_reduction(node, key);
    case Kind::broadcast: {
      const Node& from = this->node(key.inputs[0]);
      if (from.where == Node::Where::lazy && this->key(from.id).op->kind == Kind::view && shape(from.id).size() != 1)
        materialize(from.id);
      node.where = Node::Where::lazy;
      node.step = this->node(key.inputs[0]).step;
      return;
    }
    case Kind::view:
      return place_view(node, key);
    case Kind::contraction:
      return place_contraction(node, key);
    case Kind::random:
      return place_draw(node, key);
    case Kind::opaque:
      return place_opaque(node, key);
    case Kind::effect: {  // an assign stands for the value it assigns
      const std::int32_t id = node.id, uses = node.uses;
      const bool target = node.target;
      node = this->node(recorder_.inputs(key)[0]);
      node.id = id, node.uses = uses, node.target = target, node.matmul = -1;
      return;
    }
  }
}

void Planner::place_source(Node& node, const Key& key) {
  if (is_number(key) || key.op == &column_index_op) {
    node.where = Node::Where::lazy;
    return;
  }
  PlanBuffer buffer;
  buffer.place = key.op == &constant_op ? PlanBuffer::Place::constant : PlanBuffer::Place::registry;
  buffer.node = node.id;
  buffer.bytes = bytes_of(node.id);
  buffer.dtype = recorder_.info(node.id).dtype;
  node.where = Node::Where::buffer;
  node.buffer = add_buffer(buffer);
}

DType Planner::compute_dtype(const Key& key) {
  DType dtype = DType::boolean;
  bool weak = true;
  for (const std::int32_t id : recorder_.inputs(key)) {
    const Info& info = recorder_.info(id);
    if (info.dtype == DType::boolean || (info.weak && !weak)) continue;
    if (weak && !info.weak) {
      dtype = info.dtype;
      weak = false;
    } else if (weak && dtype != DType::f32) {
      dtype = info.dtype;
    }
  }
  return dtype == DType::boolean ? DType::f32 : dtype;
}

/// Numbers made from numbers have no pass of their own: they are computed where they are read.
bool Planner::is_arithmetic_on_numbers(Node& node, const Key& key) {
  if (shape(node.id).rank() != 0 || recorder_.info(node.id).dtype == DType::boolean) return false;
  int depth = 0;
  for (const std::int32_t input : recorder_.inputs(key)) {
    const Node& operand = this->node(input);
    const bool is_number_like = operand.where == Node::Where::lazy && shape(input).rank() == 0 &&
                                (is_number(this->key(input)) || this->key(input).op->kind == Kind::elementwise);
    if (!is_number_like || operand.weak_depth >= max_weak_depth) return false;
    depth = std::max(depth, operand.weak_depth + 1);
  }
  node.weak_depth = static_cast<std::uint8_t>(depth);
  return true;
}

void Planner::place_elementwise(Node& node, const Key& key) {
  const std::span<const std::int32_t> inputs = recorder_.inputs(key);
  if (is_arithmetic_on_numbers(node, key)) {
    node.where = Node::Where::lazy;
    node.step = -1;
    return;
  }
  if (place_in_epilogue(node, key)) return;
  copy_out_stretched(inputs, shape(node.id));
  place_in_sweep(inputs, compute_dtype(key), shape(node.id).size(),
                 [&](SweepBuild& sweep) { return join(sweep, node, key); });
  copied_out_.clear();
}

/// Operands that lie in the domain neither by element nor by row or column are copied out to its shape; so is one of
/// them where all are stretched, for a pass computes a value for each element from at least one that has them all.
void Planner::copy_out_stretched(std::span<const std::int32_t> inputs, const Shape& domain) {
  const auto copy_out = [&](std::int32_t input) {
    const std::int32_t from = materialize(input);
    const StridedView view = broadcast_to_op.view_rule(shape(input), domain, 0, {});
    const std::int32_t buffer = copy_view(input, from, view, domain);
    copied_out_.push_back({input, buffer, static_cast<std::int32_t>(steps_.size()) - 1});
  };
  Extent joined = Extent::single;
  std::int64_t columns = 0;
  for (const std::int32_t input : inputs) {
    OperandGeometry geometry = natural_geometry(input, domain);
    if (geometry.columns != 0 && columns != 0 && geometry.columns != columns) geometry.simple = false;
    if (!geometry.simple) {
      copy_out(input);
    } else if (geometry.columns != 0) {
      columns = geometry.columns;
    }
    joined = join_extents(joined, geometry.simple ? geometry.extent : Extent::element);
  }
  if (joined == Extent::element || domain.size() == 1 || inputs.empty()) return;
  // Not a number: its own dtype is not the one it is read in.
  const auto copied =
      std::find_if(inputs.begin(), inputs.end(), [&](std::int32_t id) { return !recorder_.info(id).weak; });
  copy_out(copied == inputs.end() ? inputs[0] : *copied);
}

/// How a node lies in a domain when broadcasts are looked through.
OperandGeometry Planner::natural_geometry(std::int32_t id, const Shape& domain) {
  while (node(id).where == Node::Where::lazy && node(id).buffer < 0 && key(id).op->kind == Kind::broadcast)
    id = key(id).inputs[0];
  return operand_geometry(shape(id), domain);
}

const Planner::CopiedOut* Planner::copied_out(std::int32_t id) const {
  for (const CopiedOut& copied : copied_out_)
    if (copied.node == id) return &copied;
  return nullptr;
}

bool Planner::place_in_epilogue(Node& node, const Key& key) {
  if (eager_) return false;
  const auto open = [&](std::int32_t id) -> MatmulStep* {
    const Node& operand = this->node(id);
    if (operand.matmul < 0 || operand.uses != 1 || operand.target) return nullptr;
    MatmulStep& step = std::get<MatmulStep>(steps_[static_cast<std::size_t>(operand.matmul)].step);
    return step.matmul.activation == run::Activation::none && !(shape(id) != shape(node.id)) ? &step : nullptr;
  };
  const auto take = [&](std::int32_t id) {
    const Node& operand = this->node(id);
    node.where = Node::Where::buffer;
    node.buffer = operand.buffer;
    node.step = node.buffer_step = node.matmul = operand.matmul;
    std::get<MatmulStep>(steps_[static_cast<std::size_t>(node.matmul)].step).nodes.push_back(node.id);
    return true;
  };
  if (key.op->epilogue != Epilogue::none && key.count == 1) {
    MatmulStep* const step = open(key.inputs[0]);
    if (step == nullptr) return false;
    step->matmul.activation = static_cast<run::Activation>(key.op->epilogue);
    return take(key.inputs[0]);
  }
  if (key.op != &add_op) return false;
  for (int side = 0; side < 2; ++side) {
    MatmulStep* const step = open(key.inputs[side]);
    const std::int32_t bias = key.inputs[1 - side];
    if (step == nullptr || step->bias >= 0 || recorder_.info(bias).weak) continue;
    const OperandGeometry geometry = operand_geometry(shape(bias), shape(node.id));
    const Node& bias_node = this->node(bias);
    const bool there =
        bias_node.where == Node::Where::buffer && bias_node.buffer_step < this->node(key.inputs[side]).matmul;
    if (!there || !geometry.simple || geometry.extent != Extent::per_column || geometry.columns != step->matmul.n ||
        recorder_.info(bias).dtype != step->matmul.dtype)
      continue;
    step->bias = bias_node.buffer;
    return take(key.inputs[side]);
  }
  return false;
}

void Planner::place_reduction(Node& node, const Key& key) {
  const std::int32_t input = key.inputs[0];
  const Shape& from = shape(input);
  const std::uint32_t axes =
      key.op == &sum_to_op ? stretched_axes(from, shape(node.id)) : static_cast<std::uint32_t>(key.attribute & 0xFF);
  const ReductionGeometry geometry = reduction_geometry(from, axes);
  using Form = ReductionGeometry::Form;
  if (geometry.form == Form::nothing) return take_elements(node, input);
  const DType dtype = recorder_.info(node.id).dtype;
  if (geometry.form == Form::general) {
    // The kept axes first, then the reduced ones: a copy, whose rows are reduced.
    StridedView view;
    const Shape reordered = kept_axes_first(from, axes, view);
    const std::int32_t copied = copy_view(input, materialize(input), view, reordered);
    SweepBuild& sweep = new_sweep(from.size(), geometry.columns, dtype);
    const std::int32_t value = emit_input(sweep, copied, Extent::element, recorder_.info(input).dtype);
    append_reduction(sweep, node, key, value, Extent::per_row);
    return;
  }
  const OperandGeometry there = natural_geometry(input, from);
  if (!there.simple || there.extent != Extent::element) materialize(input);
  place_in_sweep(recorder_.inputs(key), dtype, from.size(),
                 [&](SweepBuild& sweep) { return join_reduction(sweep, node, key, geometry); });
}

Shape Planner::kept_axes_first(const Shape& from, std::uint32_t axes, StridedView& view) {
  std::array<std::int64_t, Shape::max_rank> strides{}, dimensions{};
  std::int64_t stride = 1;
  for (int axis = from.rank(); axis-- > 0; stride *= from[axis]) strides[static_cast<std::size_t>(axis)] = stride;
  std::size_t place = 0;
  for (const bool reduced : {false, true})
    for (int axis = 0; axis < from.rank(); ++axis)
      if (((axes >> axis & 1) != 0) == reduced) {
        dimensions[place] = from[axis];
        view.strides[place++] = strides[static_cast<std::size_t>(axis)];
      }
  return Shape(std::span<const std::int64_t>(dimensions.data(), place));
}

/// The elements of `input`, which is in memory after this unless a pass holds them.
void Planner::take_elements(Node& node, std::int32_t input) {
  if (this->node(input).where != Node::Where::lazy) return alias(node, input);
  materialize(input);
  node.where = Node::Where::buffer;
  node.buffer = this->node(input).buffer;
  node.step = node.buffer_step = this->node(input).buffer_step;
}

void Planner::alias(Node& node, std::int32_t input) {
  const Node& from = this->node(input);
  node.where = from.where;
  node.buffer = from.buffer;
  node.sweep = from.sweep;
  node.value = from.value;
  node.step = from.step;
  node.buffer_step = from.buffer_step;
}

void Planner::place_view(Node& node, const Key& key) {
  const std::span<const std::int32_t> inputs = recorder_.inputs(key);
  const std::int32_t input = inputs[0];
  Node& from = this->node(input);
  const Shape& shape_in = shape(input);
  const Shape& shape_out = shape(node.id);
  std::vector<double> numbers;
  for (std::size_t i = 1; i < inputs.size(); ++i)
    numbers.push_back(is_number(this->key(inputs[i])) ? recorder_.slot(inputs[i]).number : 0);
  const StridedView view = view_of(key, shape_in, shape_out, numbers);
  const bool moves = key.op != &reshape_op && inputs.size() > 1 && is_number(this->key(inputs[1]));
  const bool contiguous = is_contiguous(view, shape_out);
  if (contiguous && !moves && view.offset == 0 && shape_in.size() == shape_out.size()) {
    const Key& made_by = this->key(input);
    const bool is_one_number = shape_in.size() == 1 && (is_number(made_by) || made_by.op->kind == Kind::elementwise ||
                                                        made_by.op->kind == Kind::view);
    if (from.where == Node::Where::lazy && is_one_number) {  // an alias of a number is read as the number
      node.where = Node::Where::lazy;
      node.step = from.step;
      return;
    }
    return take_elements(node, input);
  }
  if (!moves && is_transpose(view, shape_in, shape_out) && !eager_) {
    node.where = Node::Where::lazy;
    node.step = from.step;
    return;
  }
  const std::int32_t buffer = materialize(input);
  node.where = Node::Where::buffer;
  if (contiguous) {
    PlanBuffer alias_buffer;
    alias_buffer.place = PlanBuffer::Place::alias;
    alias_buffer.base = buffer;
    alias_buffer.node = node.id;
    alias_buffer.dtype = recorder_.info(node.id).dtype;
    alias_buffer.bytes = bytes_of(node.id);
    alias_buffer.offset = static_cast<std::size_t>(view.offset) * size_of(alias_buffer.dtype);
    if (moves) alias_buffer.index = dynamic_view(node.id, inputs);
    node.buffer = add_buffer(alias_buffer);
    node.step = node.buffer_step = this->node(input).buffer_step;
    return;
  }
  node.buffer = copy_view(node.id, buffer, view, shape_out);
  if (moves) std::get<CopyStep>(steps_.back().step).dynamic = dynamic_view(node.id, inputs);
  node.step = node.buffer_step = static_cast<std::int32_t>(steps_.size()) - 1;
}

std::int32_t Planner::dynamic_view(std::int32_t id, std::span<const std::int32_t> inputs) {
  Plan::DynamicView dynamic;
  dynamic.op = key(id).op;
  dynamic.attribute = key(id).attribute;
  dynamic.input = recorder_.info(inputs[0]).shape;
  dynamic.output = recorder_.info(id).shape;
  for (std::size_t i = 1; i < inputs.size(); ++i) dynamic.numbers.push_back(number_slot(inputs[i]));
  plan_.dynamic_views_.push_back(std::move(dynamic));
  return static_cast<std::int32_t>(plan_.dynamic_views_.size()) - 1;
}

void Planner::place_contraction(Node& node, const Key& key) {
  MatmulStep step;
  step.node = node.id;
  step.nodes = {node.id};
  bool transposed[2] = {(key.attribute & transpose_a_bit) != 0, (key.attribute & transpose_b_bit) != 0};
  std::int32_t buffers[2];
  const std::span<const std::int32_t> inputs = recorder_.inputs(key);
  const Shape* shapes[2];
  for (int side = 0; side < 2; ++side) {
    std::int32_t id = inputs[static_cast<std::size_t>(side)];
    if (this->node(id).where == Node::Where::lazy && this->key(id).op->kind == Kind::view &&
        this->node(id).buffer < 0 && shape(id).rank() == 2) {
      transposed[side] = !transposed[side];
      id = recorder_.inputs(id)[0];
    }
    buffers[side] = materialize(id);
    shapes[side] = &shape(id);
  }
  run::Matmul& matmul = step.matmul;
  matmul.dtype = recorder_.info(node.id).dtype;
  matmul.transpose_a = transposed[0];
  matmul.transpose_b = transposed[1];
  matmul.m = (*shapes[0])[transposed[0] ? 1 : 0];
  matmul.k = (*shapes[0])[transposed[0] ? 0 : 1];
  matmul.n = (*shapes[1])[transposed[1] ? 0 : 1];
  matmul.lda = (*shapes[0])[1];
  matmul.ldb = (*shapes[1])[1];
  matmul.ldc = matmul.n;
  step.a = buffers[0];
  step.b = buffers[1];
  if (inputs.size() > 2) step.start = materialize(inputs[2]);
  step.c = arena_buffer(shape(node.id), matmul.dtype);
  node.where = Node::Where::buffer;
  node.buffer = step.c;
  node.step = node.buffer_step = node.matmul = add_step(std::move(step));
}

void Planner::place_draw(Node& node, const Key& key) {
  place_in_sweep({}, recorder_.info(node.id).dtype, shape(node.id).size(), [&](SweepBuild& sweep) {
    if (sweep.size != shape(node.id).size()) return false;
    SweepValue value;
    value.kind = SweepValue::Kind::draw;
    value.extent = Extent::element;
    value.distribution = key.op->normal ? run::Distribution::normal : run::Distribution::uniform;
    value.slot = static_cast<std::int32_t>(plan_.draw_nodes_.size());
    plan_.draw_nodes_.push_back(node.id);
    sweep.sweep.values.push_back(value);
    node.where = Node::Where::sweep;
    node.sweep = sweep_index(sweep);
    node.value = static_cast<std::int32_t>(sweep.sweep.values.size()) - 1;
    node.step = sweep.step;
    sweep.nodes.push_back(node.id);
    return true;
  });
}

void Planner::place_opaque(Node& node, const Key& key) {
  const std::span<const std::int32_t> inputs = recorder_.inputs(key);
  if (key.op == &cast_op) {
    const DType from = recorder_.info(inputs[0]).dtype;
    const bool converts_as_read = (from == DType::boolean || from == DType::i64) &&
                                  is_floating(recorder_.info(node.id).dtype) && !recorder_.info(inputs[0]).weak;
    if (converts_as_read) {
      materialize(inputs[0]);
      node.where = Node::Where::lazy;
      node.step = this->node(inputs[0]).buffer_step;
      return;
    }
  }
  OpaqueStep step;
  step.node = node.id;
  step.origin = recorder_.origin(node.id);
  step.op = key.op;
  step.attribute = key.attribute;
  for (const std::int32_t input : inputs) {
    step.inputs.push_back(materialize(input));
    step.input_types.push_back(recorder_.type(input));
  }
  step.input_memory.resize(inputs.size());
  step.output_type = recorder_.type(node.id);
  step.output = arena_buffer(shape(node.id), recorder_.info(node.id).dtype);
  if (key.op->can_fail) ++plan_.failing_steps_;
  node.where = Node::Where::buffer;
  node.buffer = step.output;
  node.step = node.buffer_step = add_step(std::move(step));
}

// --- sweeps ---

std::int32_t Planner::sweep_index(const SweepBuild& sweep) const {
  return steps_[static_cast<std::size_t>(sweep.step)].sweep;
}

Planner::SweepBuild& Planner::new_sweep(std::int64_t size, std::int64_t columns, DType dtype) {
  auto sweep = std::make_unique<SweepBuild>();
  sweep->size = size;
  sweep->columns = columns;
  sweep->sweep.dtype = dtype;
  sweep->step = static_cast<std::int32_t>(steps_.size());
  sweep->sweep.values.reserve(16);
  StepBuild step;
  step.kind = StepBuild::Kind::sweep;
  step.sweep = static_cast<std::int32_t>(sweeps_.size());
  steps_.push_back(std::move(step));
  sweeps_.push_back(std::move(sweep));
  return *sweeps_.back();
}

std::int32_t Planner::earliest_step(std::span<const std::int32_t> ids) {
  std::int32_t step = -1;
  for (const std::int32_t id : ids) step = std::max(step, node(id).step);
  return step;
}

/// Joins the pass that computes its latest operand, else the newest pass after it that takes it, else one of its own.
template <class Try>
void Planner::place_in_sweep(std::span<const std::int32_t> inputs, DType dtype, std::int64_t size, Try&& try_join) {
  std::int32_t earliest = earliest_step(inputs);
  for (const CopiedOut& copied : copied_out_) earliest = std::max(earliest, copied.step);
  const auto joins = [&](std::int32_t step) {
    if (step < 0 || steps_[static_cast<std::size_t>(step)].kind != StepBuild::Kind::sweep) return false;
    SweepBuild& sweep = *sweeps_[static_cast<std::size_t>(steps_[static_cast<std::size_t>(step)].sweep)];
    if (sweep.sweep.dtype != dtype || sweep.sweep.values.size() + 8 > max_values) return false;
    return try_join(sweep);
  };
  if (!eager_) {
    if (joins(earliest)) return;
    int tried = 0;
    for (auto step = static_cast<std::int32_t>(steps_.size()); step-- > earliest + 1 && tried < passes_to_try;) {
      if (steps_[static_cast<std::size_t>(step)].kind != StepBuild::Kind::sweep) continue;
      ++tried;
      if (joins(step)) return;
    }
  }
  for (const std::int32_t input : inputs) {
    const bool is_transposed = this->node(input).where == Node::Where::lazy &&
                               this->key(input).op->kind == Kind::view && shape(input).size() != 1;
    if (this->node(input).where == Node::Where::sweep || is_transposed) materialize(input);
  }
  if (!try_join(new_sweep(size, 0, dtype))) throw std::logic_error("plan: a node that no pass takes");
}

bool Planner::is_read_in_sweep(std::int32_t id, const SweepBuild& sweep) {
  const Node& operand = node(id);
  return operand.where == Node::Where::sweep && operand.sweep == sweep_index(sweep);
}

Planner::Fit Planner::fit(const SweepBuild& sweep, std::int32_t id, const Shape& domain) {
  const Node& operand = node(id);
  if (const CopiedOut* copied = copied_out(id)) return {copied->step < sweep.step, Extent::element, 0};
  const bool is_lazy = operand.where == Node::Where::lazy && !is_copied(operand, sweep);
  if (is_lazy && this->key(id).op->kind == Kind::broadcast) return fit(sweep, this->key(id).inputs[0], domain);
  const OperandGeometry geometry = operand_geometry(shape(id), domain);
  if (!geometry.simple) return {};
  Fit fit{true, geometry.extent, geometry.columns};
  if (is_read_in_sweep(id, sweep)) {
    const Extent extent = sweep.sweep.values[static_cast<std::size_t>(operand.value)].extent;
    if (sweep.size == 1 || extent == geometry.extent) {
      fit.extent = extent;
    } else {
      fit.ok = false;
    }
    return fit;
  }
  if (!is_lazy) {
    fit.ok = (operand.where == Node::Where::lazy ? operand.buffer_step : operand.step) < sweep.step;
    return fit;
  }
  const Key& key = this->key(id);
  if (key.op == &column_index_op) {
    fit.ok =
        geometry.extent == Extent::per_column || (geometry.extent == Extent::element && sweep.size == shape(id).size());
    fit.columns = shape(id).size();
    return fit;
  }
  if (key.op->kind == Kind::view && shape(id).size() != 1) {
    fit.ok = false;  // a transpose: place_in_sweep copies it out before it makes a pass for it
    return fit;
  }
  fit.ok = operand.step < sweep.step;
  return fit;
}

/// Whether a lazy node has been copied out before this pass.
bool Planner::is_copied(const Node& node, const SweepBuild& sweep) const {
  return node.where == Node::Where::lazy && node.buffer >= 0 && node.buffer_step < sweep.step;
}

bool Planner::join(SweepBuild& sweep, Node& node, const Key& key) {
  const Shape& domain = shape(node.id);
  const std::span<const std::int32_t> inputs = recorder_.inputs(key);
  if (domain.size() != sweep.size || (sweep.size == 1 && sweep.reduces)) return join_reduced(sweep, node, key);
  Extent extents[3];
  Extent joined = Extent::single;
  std::int64_t columns = sweep.columns;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Fit operand = fit(sweep, inputs[i], domain);
    if (!operand.ok || (operand.columns != 0 && columns != 0 && operand.columns != columns))
      return join_reduced(sweep, node, key);
    if (operand.columns != 0) columns = operand.columns;
    extents[i] = operand.extent;
    joined = join_extents(joined, operand.extent);
  }
  if (joined != Extent::element && sweep.size != 1) return false;
  return emit_all(sweep, node, key, inputs, extents, columns);
}

bool Planner::emit_all(SweepBuild& sweep, Node& node, const Key& key, std::span<const std::int32_t> inputs,
                       std::span<const Extent> extents, std::int64_t columns) {
  const std::size_t values_before = sweep.sweep.values.size();
  const std::int64_t columns_before = sweep.columns;
  sweep.columns = columns;
  std::int32_t operands[3];
  for (std::size_t i = 0; i < inputs.size(); ++i) operands[i] = emit(sweep, inputs[i], extents[i]);
  node.value = apply(sweep, key, {operands, inputs.size()});
  const bool rows = std::any_of(sweep.sweep.values.begin(), sweep.sweep.values.end(), [](const SweepValue& value) {
    return value.extent == Extent::per_row || value.kind == SweepValue::Kind::reduce;
  });
  if (rows && !fuses(sweep)) {
    sweep.sweep.values.resize(values_before);
    sweep.columns = columns_before;
    return false;
  }
  node.where = Node::Where::sweep;
  node.sweep = sweep_index(sweep);
  node.step = sweep.step;
  sweep.nodes.push_back(node.id);
  return true;
}

bool Planner::fuses(SweepBuild& sweep) {
  set_domain(sweep);
  return run::CompiledSweep::can_fuse(sweep.sweep);
}

void Planner::set_domain(SweepBuild& sweep) {
  const std::int64_t columns = sweep.columns == 0 ? sweep.size : sweep.columns;
  sweep.sweep.columns = columns;
  sweep.sweep.rows = columns == 0 ? 0 : sweep.size / columns;
}

/// A node as large as a reduction's result goes on with it in the pass that reduces.
bool Planner::join_reduced(SweepBuild& sweep, Node& node, const Key& key) {
  const Shape& domain = shape(node.id);
  const std::span<const std::int32_t> inputs = recorder_.inputs(key);
  Extent extent = Extent::element;
  for (const std::int32_t input : inputs)
    if (is_read_in_sweep(input, sweep)) {
      const Extent found = sweep.sweep.values[static_cast<std::size_t>(this->node(input).value)].extent;
      if (found == Extent::element || shape(input).size() != domain.size()) continue;
      if (extent != Extent::element && extent != found) return false;
      extent = found;
    }
  if (extent == Extent::element) return false;
  Extent extents[3];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Node& operand = this->node(inputs[i]);
    const OperandGeometry geometry = operand_geometry(shape(inputs[i]), domain);
    if (!geometry.simple || (geometry.extent != Extent::element && geometry.extent != Extent::single)) return false;
    extents[i] = geometry.extent == Extent::element ? extent : Extent::single;
    if (is_read_in_sweep(inputs[i], sweep)) {
      if (sweep.sweep.values[static_cast<std::size_t>(operand.value)].extent != extents[i]) return false;
    } else if (operand.where == Node::Where::lazy) {
      if (shape(inputs[i]).size() != 1 || operand.step >= sweep.step) return false;
      extents[i] = Extent::single;
    } else if (operand.step >= sweep.step) {
      return false;
    }
  }
  return emit_all(sweep, node, key, inputs, extents, sweep.columns);
}

bool Planner::join_reduction(SweepBuild& sweep, Node& node, const Key& key, const ReductionGeometry& geometry) {
  const std::int32_t input = key.inputs[0];
  const Shape& from = shape(input);
  if (from.size() != sweep.size || (sweep.columns != 0 && sweep.columns != geometry.columns)) return false;
  const Fit operand = fit(sweep, input, from);
  if (!operand.ok || operand.extent != Extent::element) return false;
  const std::size_t values_before = sweep.sweep.values.size();
  const std::int64_t columns_before = sweep.columns;
  const bool reduces_before = sweep.reduces;
  sweep.columns = geometry.columns;
  const std::int32_t value = emit(sweep, input, Extent::element);
  using Form = ReductionGeometry::Form;
  append_reduction(sweep, node, key, value,
                   geometry.form == Form::to_single ? Extent::single
                   : geometry.form == Form::per_row ? Extent::per_row
                                                    : Extent::per_column);
  if (fuses(sweep)) return true;
  sweep.sweep.values.resize(values_before);
  sweep.columns = columns_before;
  sweep.reduces = reduces_before;
  sweep.nodes.pop_back();
  node.where = Node::Where::nowhere;
  return false;
}

void Planner::append_reduction(SweepBuild& sweep, Node& node, const Key& key, std::int32_t value, Extent extent) {
  SweepValue reduction;
  reduction.kind = SweepValue::Kind::reduce;
  reduction.extent = extent;
  reduction.reduction = static_cast<run::Reduction>(key.op->reduction);
  reduction.operand_count = 1;
  reduction.operands[0] = value;
  sweep.sweep.values.push_back(reduction);
  sweep.reduces = true;
  node.where = Node::Where::sweep;
  node.sweep = sweep_index(sweep);
  node.value = static_cast<std::int32_t>(sweep.sweep.values.size()) - 1;
  node.step = sweep.step;
  sweep.nodes.push_back(node.id);
}

std::int32_t Planner::apply(SweepBuild& sweep, const Key& key, std::span<const std::int32_t> operands) {
  SweepValue value;
  value.kind = SweepValue::Kind::apply;
  value.kernel = key.op->kernel;
  value.operand_count = static_cast<std::uint8_t>(operands.size());
  value.extent = Extent::single;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    value.operands[i] = operands[i];
    value.extent = join_extents(value.extent, sweep.sweep.values[static_cast<std::size_t>(operands[i])].extent);
  }
  // In a domain of one row what there is for each column is there for each element.
  if (value.extent == Extent::per_column && sweep.columns == sweep.size) value.extent = Extent::element;
  sweep.sweep.values.push_back(value);
  return static_cast<std::int32_t>(sweep.sweep.values.size()) - 1;
}

std::int32_t Planner::emit(SweepBuild& sweep, std::int32_t id, Extent extent) {
  if (const CopiedOut* copied = copied_out(id))
    return emit_input(sweep, copied->buffer, extent, recorder_.info(id).dtype);
  Node& operand = node(id);
  if (is_read_in_sweep(id, sweep)) return operand.value;
  if (operand.where == Node::Where::lazy && !is_copied(operand, sweep)) {
    const Key& key = this->key(id);
    if (is_number(key)) return emit_number(sweep, id);
    if (key.op->kind == Kind::broadcast) return emit(sweep, key.inputs[0], extent);
    if (key.op == &column_index_op) {
      SweepValue value;
      value.kind = SweepValue::Kind::column;
      value.extent = Extent::per_column;
      sweep.sweep.values.push_back(value);
      return static_cast<std::int32_t>(sweep.sweep.values.size()) - 1;
    }
    if (key.op == &cast_op)
      return emit_input(sweep, materialize(key.inputs[0]), extent, recorder_.info(key.inputs[0]).dtype);
    if (key.op->kind == Kind::view && shape(id).size() == 1) return emit(sweep, recorder_.inputs(key)[0], extent);
    if (key.op->kind == Kind::elementwise) {  // arithmetic on numbers
      std::int32_t operands[3];
      const std::span<const std::int32_t> inputs = recorder_.inputs(key);
      for (std::size_t i = 0; i < inputs.size(); ++i) operands[i] = emit(sweep, inputs[i], Extent::single);
      return apply(sweep, key, {operands, inputs.size()});
    }
  }
  return emit_input(sweep, materialize(id), extent, recorder_.info(id).dtype);
}

std::int32_t Planner::emit_number(SweepBuild& sweep, std::int32_t id) {
  const std::int32_t slot = number_slot(id);
  SweepValue value;
  value.kind = SweepValue::Kind::number;
  value.extent = Extent::single;
  value.slot = slot;
  sweep.sweep.values.push_back(value);
  return static_cast<std::int32_t>(sweep.sweep.values.size()) - 1;
}

std::int32_t Planner::emit_input(SweepBuild& sweep, std::int32_t buffer, Extent extent, DType dtype) {
  for (std::size_t i = 0; i < sweep.sweep.values.size(); ++i) {
    const SweepValue& known = sweep.sweep.values[i];
    if (known.kind == SweepValue::Kind::input && known.slot == buffer && known.extent == extent && known.dtype == dtype)
      return static_cast<std::int32_t>(i);
  }
  SweepValue value;
  value.kind = SweepValue::Kind::input;
  value.extent = extent;
  value.dtype = dtype;
  value.slot = buffer;
  sweep.sweep.values.push_back(value);
  return static_cast<std::int32_t>(sweep.sweep.values.size()) - 1;
}

}  // namespace thalweg::internal
