#include "src/plan/contractions.hpp"

#include <utility>

#include <thalweg/precision.hpp>

namespace thalweg::internal {

/// An operand's last two axes as a factor of a product.
struct Contractions::Factor {
  std::int32_t buffer;
  std::int64_t rows, columns;  // of op(matrix)
  std::int64_t stride;         // of the rows in memory
  bool transposed;
  const Shape* shape;
  std::optional<StridedView> view;  // of a batch of matrices, or of matrices read in place

  /// The distance of the matrices along axis `axis` of a product of rank `rank`; 0: the same matrix for all.
  std::int64_t batch_stride(int axis, int rank) const {
    const int own = axis - (rank - shape->rank());
    return !view || own < 0 || (*shape)[own] == 1 ? 0 : view->strides[own];
  }
};

/// Prepares a factor; a view is read in place if possible.
Contractions::Factor Contractions::place_factor(std::int32_t id, bool transposed) {
  Factor factor;
  factor.shape = &graph_.shape(id);
  const bool is_view = graph_.node(id).where == PlannedNode::Where::lazy && graph_.key(id).op->kind == Kind::view &&
                       graph_.node(id).buffer < 0 && factor.shape->size() != 1 && !operands_.is_rows(id);
  std::int32_t from = id;
  if (is_view) {
    const std::int32_t input = graph_.inputs(graph_.key(id))[0];
    const StridedView view =
        graph_.key(id).op->view_rule(graph_.shape(input), *factor.shape, graph_.key(id).attribute, {});
    if (lies_as_matrices(view, *factor.shape)) {
      factor.view = view;
      from = input;
    }
  }
  factor.buffer = operands_.materialize(from);

  const int rank = factor.shape->rank();
  factor.rows = (*factor.shape)[rank - 2];
  factor.columns = (*factor.shape)[rank - 1];
  std::int64_t row_stride = factor.columns, column_stride = 1;
  if (factor.view) {
    row_stride = factor.view->strides[rank - 2];
    column_stride = factor.view->strides[rank - 1];
  } else if (rank > 2) {
    factor.view = reshape_op.view_rule(*factor.shape, *factor.shape, 0, {});
  }
  if (transposed) {
    std::swap(factor.rows, factor.columns);
    std::swap(row_stride, column_stride);
  }
  // A single row or column needs no transposition.
  const bool is_line = factor.rows == 1 || factor.columns == 1;
  factor.transposed = !is_line && column_stride != 1;
  factor.stride = is_line ? factor.columns : factor.transposed ? column_stride : row_stride;
  return factor;
}

void Contractions::place(PlannedNode& node, const Key& key) {
  const std::span<const std::int32_t> inputs = graph_.inputs(key);
  const Factor a = place_factor(inputs[0], (key.attribute & transpose_a_bit) != 0);
  const Factor b = place_factor(inputs[1], (key.attribute & transpose_b_bit) != 0);
  const std::int32_t start = inputs.size() > 2 ? operands_.materialize(inputs[2]) : -1;
  MatmulPass& pass = schedule_.matmuls_.emplace_back();
  pass.nodes[0] = node.id;
  run::MatmulForm& form = pass.form;
  form.dtype = graph_.info(node.id).dtype;
  form.transpose_a = a.transposed;
  form.transpose_b = b.transposed;
  form.m = a.rows;
  form.k = a.columns;
  form.n = b.columns;
  const bool is_medium = (key.attribute & medium_precision_bit) != 0;
  if (is_medium && run::is_faster_in_bf16(form.m, form.n, form.k)) form.precision = Precision::medium;
  form.lda = a.stride;
  form.ldb = b.stride;
  form.ldc = form.n;
  pass.a = a.buffer;
  pass.b = b.buffer;
  pass.batch = batch_of(a, b, graph_.shape(node.id));
  pass.start = start;
  pass.c = schedule_.add_arena_buffer(graph_.shape(node.id), form.dtype);
  node.where = PlannedNode::Where::buffer;
  node.buffer = pass.c;
  node.pass = node.buffer_pass = node.matmul = schedule_.add_pass(Pass::Kind::matmul, schedule_.matmuls_.size());
}

/// The batch axes before the last two, merged as far as possible; −1 for a single product.
std::int32_t Contractions::batch_of(const Factor& a, const Factor& b, const Shape& product) {
  if (product.rank() == 2) return -1;
  run::MatmulBatch batch;
  for (int axis = 0; axis + 2 < product.rank(); ++axis) {
    const std::int64_t count = product[axis];
    if (count == 1) continue;
    const std::int64_t a_stride = a.batch_stride(axis, product.rank()), b_stride = b.batch_stride(axis, product.rank());
    auto last = static_cast<std::size_t>(batch.rank);
    const bool joins =
        last > 0 && batch.a_strides[last - 1] == a_stride * count && batch.b_strides[last - 1] == b_stride * count;
    if (joins) {
      batch.counts[--last] *= count;
    } else {
      batch.counts[last] = count;
      ++batch.rank;
    }
    batch.a_strides[last] = a_stride;
    batch.b_strides[last] = b_stride;
  }
  if (batch.rank == 0) return -1;
  schedule_.batches_.push_back(batch);
  return static_cast<std::int32_t>(schedule_.batches_.size()) - 1;
}

// --- epilogues ---

bool Contractions::take_in_epilogue(PlannedNode& node, const Key& key) {
  if (graph_.is_eager()) return false;
  if (key.op->epilogue != Epilogue::none) return take_activation(node, key);
  if (key.op != &add_op) return false;
  return take_bias(node, key.inputs[0], key.inputs[1]) || take_bias(node, key.inputs[1], key.inputs[0]);
}

bool Contractions::take_activation(PlannedNode& node, const Key& key) {
  const std::int32_t sum = key.inputs[0];
  MatmulPass* const product = open_product(sum, node);
  if (product == nullptr) return false;
  if (key.count == 2) {  // the gradient of an activation
    const std::int32_t activated = key.inputs[1];
    // Readers in a sweep, such as the sum for a bias's gradient, should fuse with it: keep it in the sweep.
    const bool is_stored = node.uses == node.memory_uses && !node.target;
    const bool lies_alike = product->batch < 0 && graph_.info(activated).shape == graph_.info(node.id).shape;
    if (!is_stored || !lies_alike || !is_there_before(sum, activated)) return false;
    product->activated = graph_.node(activated).buffer;
  }
  product->form.activation = static_cast<run::Activation>(key.op->epilogue);
  put(node, *product, sum);
  return true;
}

bool Contractions::take_bias(PlannedNode& node, std::int32_t sum, std::int32_t bias) {
  MatmulPass* const product = open_product(sum, node);
  if (product == nullptr || product->bias >= 0 || graph_.info(bias).weak || !is_there_before(sum, bias)) return false;
  if (product->batch < 0 && graph_.info(bias).shape == graph_.info(node.id).shape) {  // a whole matrix
    product->form.bias_stride = product->form.ldc;
  } else {
    const OperandGeometry geometry = operand_geometry(graph_.shape(bias), graph_.shape(node.id));
    const bool is_row = geometry.extent == run::Extent::per_column
                            ? geometry.columns == product->form.n
                            : product->form.m == 1 && graph_.shape(bias).size() == product->form.n;
    if (!geometry.simple || geometry.batches != 0 || !is_row) return false;
  }
  product->bias = graph_.node(bias).buffer;
  put(node, *product, sum);
  return true;
}

/// The product that computes `sum`, if its epilogue can take `reader`; else null.
MatmulPass* Contractions::open_product(std::int32_t sum, const PlannedNode& reader) {
  const PlannedNode& node = graph_.node(sum);
  if (node.matmul < 0 || node.uses != 1 || node.target) return nullptr;
  MatmulPass& product = schedule_.matmul_at(node.matmul);
  const bool is_open =
      product.form.activation == run::Activation::none && graph_.info(sum).shape == graph_.info(reader.id).shape;
  return is_open ? &product : nullptr;
}

/// Whether the operand is in memory, in the product's dtype, before the product that computes `sum` runs.
bool Contractions::is_there_before(std::int32_t sum, std::int32_t operand) {
  const std::int32_t product = graph_.node(sum).matmul;
  const PlannedNode& there = graph_.node(operand);
  return there.where == PlannedNode::Where::buffer && there.buffer_pass < product &&
         graph_.info(operand).dtype == schedule_.matmul_at(product).form.dtype;
}

/// The product that computes `sum` computes the node, too.
void Contractions::put(PlannedNode& node, MatmulPass& product, std::int32_t sum) {
  const PlannedNode& from = graph_.node(sum);
  node.where = PlannedNode::Where::buffer;
  node.buffer = from.buffer;
  node.pass = node.buffer_pass = node.matmul = from.matmul;
  product.nodes[product.node_count++] = node.id;
}

}  // namespace thalweg::internal
