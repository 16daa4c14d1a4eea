// Where each node is computed, depending on the kind of its op.

#include <algorithm>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/planner.hpp"
#include "src/run/reduce.hpp"
#include "src/tape/mutation.hpp"

namespace thalweg::internal {

using run::Extent;
using run::SweepValue;

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

void Planner::place(PlannedNode& node) {
  const Key& key = this->key(node.id);
  place_by_kind(node, key);
  if (mutation == nullptr) [[likely]]
    return;
  if (key.op->kind == Kind::source || key.op->kind == Kind::effect || info(node.id).weak) return;  // not computed here
  if (const Op* const op = mutation->applied_after(*key.op); op != nullptr) apply_after(*op, node);
}

void Planner::place_by_kind(PlannedNode& node, const Key& key) {
  switch (key.op->kind) {
    case Kind::source: return place_source(node, key);
    case Kind::elementwise: return place_elementwise(node, key);
    case Kind::reduction: return place_reduction(node, key);
    case Kind::broadcast: {
      const PlannedNode& from = this->node(key.inputs[0]);
      if (from.where == PlannedNode::Where::lazy && this->key(from.id).op->kind == Kind::view &&
          shape(from.id).size() != 1)
        materialize(from.id);
      node.where = PlannedNode::Where::lazy;
      node.pass = this->node(key.inputs[0]).pass;
      return;
    }
    case Kind::view: return place_view(node, key);
    case Kind::contraction: return place_contraction(node, key);
    case Kind::random: return place_draw(node, key);
    case Kind::opaque: return place_opaque(node, key);
    case Kind::effect: {  // an assign node stands for the assigned value
      const std::int32_t id = node.id, uses = node.uses;
      const bool target = node.target;
      node = this->node(recorder_->inputs(key)[0]);
      node.id = id, node.uses = uses, node.target = target, node.matmul = -1;
      return;
    }
  }
}

void Planner::place_source(PlannedNode& node, const Key& key) {
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
  buffer.bytes = bytes_of(node.id);
  buffer.dtype = info(node.id).dtype;
  node.buffer = add_buffer(buffer);
  if (key.op != &constant_op) known = {key.attribute, node.buffer};
}

DType Planner::compute_dtype(const Key& key) {
  DType dtype = DType::boolean;
  bool weak = true;
  for (const std::int32_t id : recorder_->inputs(key)) {
    const Info& info = this->info(id);
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

/// Arithmetic on numbers has no pass of its own: the readers compute it.
bool Planner::is_arithmetic_on_numbers(PlannedNode& node, const Key& key) {
  if (shape(node.id).rank() != 0 || info(node.id).dtype == DType::boolean) return false;
  int size = 1;
  for (const std::int32_t input : recorder_->inputs(key)) {
    const PlannedNode& operand = this->node(input);
    const bool is_number_like = operand.where == PlannedNode::Where::lazy && shape(input).rank() == 0 &&
                                (is_number(this->key(input)) || this->key(input).op->kind == Kind::elementwise);
    if (!is_number_like) return false;
    size += std::max<int>(1, operand.number_size);
  }
  node.number_size = static_cast<std::uint8_t>(size);
  return true;
}

/// Computes a number in each of the dtypes it is read in, once it is too large to repeat in each reader.
void Planner::compute_number(PlannedNode& node) {
  const std::int32_t id = node.id;
  if (node.number_dtypes == 0) node.number_dtypes = 1u << static_cast<unsigned>(info(id).dtype);
  for (const DType dtype : {DType::f32, DType::f64, DType::i64}) {
    if ((node.number_dtypes >> static_cast<unsigned>(dtype) & 1) == 0) continue;
    SweepBuild& sweep = new_sweep(1, 1, dtype);
    const std::int32_t value = emit(sweep, id, Extent::single), buffer = arena_buffer(shape(id), dtype);
    sweep.sweep.outputs.push_back({value, buffer, dtype});
    sweep.nodes.push_back(id);
    computed_numbers_.push_back({id, dtype, buffer});
  }
  node.number_size = 1;
  node.pass = last_pass();
}

const Planner::ComputedNumber* Planner::computed_number(std::int32_t id, DType dtype) const {
  const auto at =
      std::lower_bound(computed_numbers_.begin(), computed_numbers_.end(), id,
                       [](const ComputedNumber& number, std::int32_t wanted) { return number.node < wanted; });
  for (auto number = at; number != computed_numbers_.end() && number->node == id; ++number)
    if (number->dtype == dtype) return &*number;
  return nullptr;
}

void Planner::place_elementwise(PlannedNode& node, const Key& key) {
  const std::span<const std::int32_t> inputs = recorder_->inputs(key);
  if (is_arithmetic_on_numbers(node, key)) {
    node.where = PlannedNode::Where::lazy;
    node.pass = earliest_pass(inputs);
    if (node.number_size > max_number_size) compute_number(node);
    return;
  }
  if (place_in_epilogue(node, key)) return;
  copy_out_rows(inputs, key, shape(node.id));
  copy_out_stretched(inputs, shape(node.id));
  place_in_sweep(inputs, compute_dtype(key), shape(node.id).size(),
                 [&](SweepBuild& sweep) { return join(sweep, node, key); });
  copied_out_.clear();
}

/// Copies out operands that have no simple extent in the domain: stretched to lie per row or, if the number of columns
/// then does not agree with other operands, to the whole domain. If all operands are stretched, copies one of them out
/// to the whole domain as well: a sweep computes a value per element only from operands of which one has all elements.
void Planner::copy_out_stretched(std::span<const std::int32_t> inputs, const Shape& domain) {
  const auto copy_out = [&](std::int32_t input, const Shape& target, const OperandGeometry& geometry) {
    const auto is_same = [&](const StretchedCopy& copy) { return copy.node == input && copy.shape == target; };
    const auto known = std::find_if(stretched_copies_.begin(), stretched_copies_.end(), is_same);
    if (known != stretched_copies_.end())
      return static_cast<void>(copied_out_.push_back({input, known->buffer, known->pass, geometry}));
    const std::int32_t from = materialize(input);
    const StridedView view = broadcast_to_op.view_rule(shape(input), target, 0, {});
    const std::int32_t buffer = copy_view(input, from, view, target);
    std::int32_t pass = last_pass();
    if (node(input).buffer_pass < 0) {  // available from the beginning: copy it first, so that it splits no pass
      early_passes_.push_back(passes_.back());
      passes_.pop_back();
      pass = -1;
    }
    copied_out_.push_back({input, buffer, pass, geometry});
    stretched_copies_.push_back({input, buffer, pass, target});
  };
  Extent joined = Extent::single;
  std::int64_t columns = 0, batches = 0;
  const auto is_equal = [](std::int64_t a, std::int64_t b) { return a == 0 || b == 0 || a == b; };
  const auto agrees = [&](const OperandGeometry& geometry) {
    return geometry.simple && is_equal(geometry.columns, columns) && is_equal(geometry.batches, batches);
  };
  for (const std::int32_t input : inputs) {
    OperandGeometry geometry = natural_geometry(input, domain);
    if (!agrees(geometry)) {
      Shape target = stretched_to_rows(shape(input), domain);
      geometry = operand_geometry(target, domain);
      if (!agrees(geometry)) {
        target = domain;
        geometry = {};
      }
      copy_out(input, target, geometry);
    }
    if (geometry.columns != 0) columns = geometry.columns;
    if (geometry.batches != 0) batches = geometry.batches;
    joined = join_extents(joined, geometry.extent);
  }
  if (joined == Extent::element || domain.size() == 1 || inputs.empty()) return;
  // Not a number, whose own dtype is not the one it is read in.
  const auto stretched = std::find_if(inputs.begin(), inputs.end(), [&](std::int32_t id) { return !info(id).weak; });
  const std::int32_t whole = stretched == inputs.end() ? inputs[0] : *stretched;
  std::erase_if(copied_out_, [&](const CopiedOut& copied) { return copied.node == whole; });
  copy_out(whole, domain, {});
}

/// How a node lies in a domain, looking through broadcasts.
OperandGeometry Planner::natural_geometry(std::int32_t id, const Shape& domain) {
  while (node(id).where == PlannedNode::Where::lazy && node(id).buffer < 0 && key(id).op->kind == Kind::broadcast)
    id = key(id).inputs[0];
  return operand_geometry(shape(id), domain);
}

const Planner::CopiedOut* Planner::copied_out(std::int32_t id) const {
  for (const CopiedOut& copied : copied_out_)
    if (copied.node == id) return &copied;
  return nullptr;
}

/// Lets the product before it take a bias, an activation or the gradient of one; false if it cannot.
bool Planner::place_in_epilogue(PlannedNode& node, const Key& key) {
  if (eager_) return false;
  if (key.op->epilogue != Epilogue::none) return place_activation(node, key);
  if (key.op != &add_op) return false;
  return place_bias(node, key.inputs[0], key.inputs[1]) || place_bias(node, key.inputs[1], key.inputs[0]);
}

bool Planner::place_activation(PlannedNode& node, const Key& key) {
  const std::int32_t sum = key.inputs[0];
  MatmulPass* const product = open_product(sum, node);
  if (product == nullptr) return false;
  if (key.count == 2) {  // the gradient of an activation
    const std::int32_t activated = key.inputs[1];
    // Readers in a sweep, such as the sum for a bias's gradient, should fuse with it: keep it in the sweep.
    const bool is_stored = node.uses == node.memory_uses && !node.target;
    const bool lies_alike = product->batch < 0 && info(activated).shape == info(node.id).shape;
    if (!is_stored || !lies_alike || !is_there_before(sum, activated)) return false;
    product->activated = this->node(activated).buffer;
  }
  product->form.activation = static_cast<run::Activation>(key.op->epilogue);
  put_in_epilogue(node, *product, sum);
  return true;
}

bool Planner::place_bias(PlannedNode& node, std::int32_t sum, std::int32_t bias) {
  MatmulPass* const product = open_product(sum, node);
  if (product == nullptr || product->bias >= 0 || info(bias).weak || !is_there_before(sum, bias)) return false;
  if (product->batch < 0 && info(bias).shape == info(node.id).shape) {  // a whole matrix
    product->form.bias_stride = product->form.ldc;
  } else {
    const OperandGeometry geometry = operand_geometry(shape(bias), shape(node.id));
    const bool is_row = geometry.extent == Extent::per_column
                            ? geometry.columns == product->form.n
                            : product->form.m == 1 && shape(bias).size() == product->form.n;
    if (!geometry.simple || geometry.batches != 0 || !is_row) return false;
  }
  product->bias = this->node(bias).buffer;
  put_in_epilogue(node, *product, sum);
  return true;
}

/// The product that computes `sum`, if its epilogue can take `reader`; else null.
MatmulPass* Planner::open_product(std::int32_t sum, const PlannedNode& reader) {
  const PlannedNode& node = this->node(sum);
  if (node.matmul < 0 || node.uses != 1 || node.target) return nullptr;
  MatmulPass& product = matmul_of(node.matmul);
  const bool is_open = product.form.activation == run::Activation::none && info(sum).shape == info(reader.id).shape;
  return is_open ? &product : nullptr;
}

/// Whether the operand is in memory, in the product's dtype, before the product that computes `sum` runs.
bool Planner::is_there_before(std::int32_t sum, std::int32_t operand) {
  const std::int32_t product = node(sum).matmul;
  const PlannedNode& there = node(operand);
  return there.where == PlannedNode::Where::buffer && there.buffer_pass < product &&
         info(operand).dtype == matmul_of(product).form.dtype;
}

/// The product that computes `sum` computes the node, too.
void Planner::put_in_epilogue(PlannedNode& node, MatmulPass& product, std::int32_t sum) {
  const PlannedNode& from = this->node(sum);
  node.where = PlannedNode::Where::buffer;
  node.buffer = from.buffer;
  node.pass = node.buffer_pass = node.matmul = from.matmul;
  product.nodes[product.node_count++] = node.id;
}

void Planner::place_reduction(PlannedNode& node, const Key& key) {
  const std::int32_t input = key.inputs[0];
  const Shape& from = shape(input);
  const std::uint32_t axes = key.op == &sum_to_op ? stretched_axes(from, shape(node.id))
                                                  : static_cast<std::uint32_t>(key.attribute & axes_bits);
  const ReductionGeometry geometry = reduction_geometry(from, axes);
  using Form = ReductionGeometry::Form;
  if (geometry.form == Form::nothing) return take_elements(node, input);
  const DType dtype = info(node.id).dtype;
  if (geometry.form == Form::general && place_strided_reduction(node, key, axes)) return;
  if (geometry.form == Form::general) {
    // Copy with the kept axes first and the reduced ones last, then reduce the rows of the copy.
    StridedView view;
    const Shape reordered = kept_axes_first(from, axes, view);
    const std::int32_t copied = copy_view(input, materialize(input), view, reordered);
    SweepBuild& sweep = new_sweep(from.size(), geometry.columns, dtype);
    const std::int32_t value = emit_input(sweep, copied, Extent::element, info(input).dtype);
    append_reduction(sweep, node, key, value, Extent::per_row);
    return;
  }
  const OperandGeometry there = natural_geometry(input, from);
  if (!there.simple || there.extent != Extent::element || is_rows(input)) materialize(input);
  place_in_sweep(recorder_->inputs(key), dtype, from.size(),
                 [&](SweepBuild& sweep) { return join_reduction(sweep, node, key, geometry); });
}

/// Reduces axes that have kept axes on both sides where they are. False where no kernel does that.
bool Planner::place_strided_reduction(PlannedNode& node, const Key& key, std::uint32_t axes) {
  const std::int32_t input = key.inputs[0];
  const auto reduction = static_cast<run::Reduction>(key.op->reduction);
  const bool same_dtype = is_floating(info(node.id).dtype) && info(input).dtype == info(node.id).dtype;
  if (!same_dtype || reduction == run::Reduction::product || shape(input).size() == 0) return false;
  place_opaque_pass(node, strided_reduction_op, axes | static_cast<std::uint64_t>(reduction) << Shape::max_rank,
                    recorder_->inputs(key));
  return true;
}

Shape Planner::kept_axes_first(const Shape& from, std::uint32_t axes, StridedView& view) {
  std::array<std::int64_t, Shape::max_rank> strides{}, dimensions{};
  std::int64_t stride = 1;
  for (int axis = from.rank(); axis-- > 0; stride *= from[axis]) strides[axis] = stride;
  std::size_t place = 0;
  for (const bool reduced : {false, true})
    for (int axis = 0; axis < from.rank(); ++axis)
      if (((axes >> axis & 1) != 0) == reduced) {
        dimensions[place] = from[axis];
        view.strides[place++] = strides[axis];
      }
  return Shape(std::span<const std::int64_t>(dimensions.data(), place));
}

void Planner::place_draw(PlannedNode& node, const Key& key) {
  place_in_sweep({}, info(node.id).dtype, shape(node.id).size(),
                 [&](SweepBuild& sweep) { return join_draw(sweep, node, key); });
}

void Planner::place_opaque(PlannedNode& node, const Key& key) {
  const std::span<const std::int32_t> inputs = recorder_->inputs(key);
  if (key.op == &cast_op) {
    const DType from = info(inputs[0]).dtype;
    if (from == DType::boolean && take_truth(node, inputs[0])) return;
    const bool converts_as_read =
        (from == DType::boolean || from == DType::i64) && is_floating(info(node.id).dtype) && !info(inputs[0]).weak;
    if (converts_as_read) {
      materialize(inputs[0]);
      node.where = PlannedNode::Where::lazy;
      node.pass = this->node(inputs[0]).buffer_pass;
      return;
    }
  }
  place_opaque_pass(node, *key.op, key.attribute, inputs);
}

/// A truth value is the number 0 or 1 in the sweep that computes it: as a number of the sweep's dtype it is the same value.
bool Planner::take_truth(PlannedNode& node, std::int32_t input) {
  const PlannedNode& truth = this->node(input);
  if (truth.where != PlannedNode::Where::sweep) return false;
  SweepBuild& sweep = sweeps_[static_cast<std::size_t>(truth.sweep)];
  if (sweep.sweep.dtype != info(node.id).dtype) return false;
  put(node, sweep, truth.value);
  return true;
}

void Planner::place_opaque_pass(PlannedNode& node, const Op& op, std::uint64_t attribute,
                                std::span<const std::int32_t> inputs) {
  OpaquePass pass;
  pass.node = node.id;
  pass.inputs.begin = pass.inputs.end = static_cast<std::int32_t>(draft_.opaque_inputs_.size());
  pass.origin = recorder_->origin(node.id);
  pass.op = &op;
  pass.attribute = attribute;
  for (const std::int32_t input : inputs) {
    draft_.opaque_inputs_.push_back(materialize(input));
    draft_.opaque_types_.push_back(recorder_->type(input));
    ++pass.inputs.end;
  }
  pass.output_type = recorder_->type(node.id);
  pass.output = arena_buffer(shape(node.id), info(node.id).dtype);
  node.where = PlannedNode::Where::buffer;
  node.buffer = pass.output;
  draft_.opaques_.push_back(pass);
  node.pass = node.buffer_pass = add_pass(Pass::Kind::opaque, draft_.opaques_.size());
}

/// From here on, readers of the node read the result of `op` on it.
void Planner::apply_after(const Op& op, PlannedNode& node) {
  const std::int32_t input = node.id;
  place_opaque_pass(node, op, 0, {&input, 1});
  node.matmul = -1;
}

}  // namespace thalweg::internal
