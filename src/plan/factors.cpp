// Matrix products and their factors, which are read in place if rows or columns are contiguous.

#include <optional>

#include <thalweg/precision.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/planner.hpp"

namespace thalweg::internal {

namespace {

/// Whether a matrix product can read matrices with these strides: rows or columns are contiguous.
bool lies_as_matrix(std::int64_t rows, std::int64_t columns, std::int64_t row_stride, std::int64_t column_stride) {
  if (columns == 1) return rows == 1 || row_stride == 1;
  return column_stride == 1 || (rows > 1 && row_stride == 1);
}

}  // namespace

bool lies_as_matrices(const StridedView& view, const Shape& shape) {
  const int rank = shape.rank();
  if (rank < 2) return false;
  const auto rows = static_cast<std::size_t>(rank - 2), columns = static_cast<std::size_t>(rank - 1);
  return lies_as_matrix(shape[rank - 2], shape[rank - 1], view.strides[rows], view.strides[columns]);
}

/// An operand's last two axes as a factor of a product.
struct Planner::Factor {
  std::int32_t buffer;
  std::int64_t rows, columns;  // of op(matrix)
  std::int64_t stride;         // of the rows in memory
  bool transposed;
  const Shape* shape;
  std::optional<StridedView> view;  // of a batch of matrices, or of matrices read in place

  /// The distance of the matrices along axis `axis` of a product of rank `rank`; 0: the same matrix for all.
  std::int64_t batch_stride(int axis, int rank) const {
    const int own = axis - (rank - shape->rank());
    return own < 0 || (*shape)[own] == 1 ? 0 : view->strides[own];
  }
};

/// Prepares a factor; a view is read in place if possible.
Planner::Factor Planner::place_factor(std::int32_t id, bool transposed) {
  Factor factor;
  factor.shape = &shape(id);
  const bool is_view = node(id).where == PlannedNode::Where::lazy && key(id).op->kind == Kind::view &&
                       node(id).buffer < 0 && factor.shape->size() != 1 && !is_rows(id);
  std::int32_t from = id;
  if (is_view) {
    const std::int32_t input = recorder_->inputs(id)[0];
    const StridedView view = key(id).op->view_rule(shape(input), *factor.shape, key(id).attribute, {});
    if (lies_as_matrices(view, *factor.shape)) {
      factor.view = view;
      from = input;
    }
  }
  factor.buffer = materialize(from);

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

void Planner::place_contraction(PlannedNode& node, const Key& key) {
  const std::span<const std::int32_t> inputs = recorder_->inputs(key);
  const Factor a = place_factor(inputs[0], (key.attribute & transpose_a_bit) != 0);
  const Factor b = place_factor(inputs[1], (key.attribute & transpose_b_bit) != 0);
  const std::int32_t start = inputs.size() > 2 ? materialize(inputs[2]) : -1;
  MatmulPass& pass = draft_.matmuls_.emplace_back();
  pass.nodes[0] = node.id;
  run::MatmulForm& form = pass.form;
  form.dtype = info(node.id).dtype;
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
  pass.batch = batch_of(a, b, shape(node.id));
  pass.start = start;
  pass.c = arena_buffer(shape(node.id), form.dtype);
  node.where = PlannedNode::Where::buffer;
  node.buffer = pass.c;
  node.pass = node.buffer_pass = node.matmul = add_pass(Pass::Kind::matmul, draft_.matmuls_.size());
}

/// The batch axes before the last two, merged as far as possible; −1 for a single product.
std::int32_t Planner::batch_of(const Factor& a, const Factor& b, const Shape& product) {
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
  draft_.batches_.push_back(batch);
  return static_cast<std::int32_t>(draft_.batches_.size()) - 1;
}

}  // namespace thalweg::internal
