// Optimizations across the products of a plan. Both arise in recurrent nets, which multiply by the same weights at each
// time step, so that the weights' gradient is a sum over time steps.
// - Short products that are added up are merged: C + A₁ᵀ·B₁ + A₂ᵀ·B₂ + … is a single product over all of k if the Aᵢ are
//   contiguous in memory, and the Bᵢ. The kernel then loads and stores C once for many terms.
// - A parameter that several products read transposed is transposed once.
// The bits do not change: a sum runs over k in order.

#include <algorithm>

#include "src/plan/planner.hpp"
#include "src/run/matmul_blocking.hpp"

namespace thalweg::internal {

namespace {

/// The largest k of a merged product: its factors stay in the L2 cache, and memory is not held for long.
constexpr std::int64_t most_steps = 256;
/// With more rows, the transposition in the kernels is cheap compared with the product.
constexpr std::int64_t most_rows = 64;

bool is_short(const MatmulPass& pass) {
  const run::MatmulForm& m = pass.form;
  const auto element = static_cast<std::int64_t>(size_of(m.dtype));
  const bool lies_by_k = m.transpose_a && !m.transpose_b && m.lda == m.m && m.ldb == m.n;
  const bool may_be_cut = m.precision == Precision::highest || m.k % run::bf16_steps() == 0;
  return lies_by_k && may_be_cut && pass.batch < 0 && m.m > 1 && m.n > 1 && 2 * m.k <= most_steps &&
         m.m * m.k * element % buffer_alignment == 0 && m.n * m.k * element % buffer_alignment == 0 &&
         !run::may_skip_zeros(m.m, m.n, m.k, m.transpose_a, m.transpose_b, static_cast<std::size_t>(element));
}

bool are_alike(const run::MatmulForm& a, const run::MatmulForm& b) {
  return a.dtype == b.dtype && a.precision == b.precision && a.m == b.m && a.n == b.n && a.k == b.k;
}

}  // namespace

void Planner::join_products() {
  together_.clear();
  const bool has_sums = std::any_of(draft_.matmuls_.begin(), draft_.matmuls_.end(),
                                    [](const MatmulPass& pass) { return pass.start >= 0 && is_short(pass); });
  if (eager_ || !has_sums) return;
  count_reads();
  find_chains();
  for (const Pass& pass : passes_) {
    if (pass.kind != Pass::Kind::matmul) continue;
    const Link& link = links_[pass.index];
    if (link.before >= 0 && link.after < 0) join_chain(pass.index);  // the end of one
  }
  drop_joined();
}

/// Counts the reads of each buffer, including reads through aliases, and marks kept buffers.
void Planner::count_reads() {
  const std::size_t buffers = draft_.buffers_.size();
  together_.resize(buffers);
  reads_.assign(buffers, 0);
  for (const Pass& pass : passes_) for_each_read(pass, [&](std::int32_t buffer) { ++reads_[root(buffer)]; });
  for (const std::int32_t kept : kept_buffers_) {
    ++reads_[kept];
    together_[kept].is_kept = true;
  }
}

/// Finds chains of products, each the only reader of the sum before it.
void Planner::find_chains() {
  links_.assign(draft_.matmuls_.size(), {});
  made_by_.assign(draft_.buffers_.size(), -1);
  for (const Pass& pass : passes_) {
    if (pass.kind != Pass::Kind::matmul) continue;
    const MatmulPass& product = draft_.matmuls_[pass.index];
    made_by_[product.c] = pass.index;
    if (product.start < 0 || buffer(product.start).place == PlanBuffer::Place::alias) continue;
    const std::int32_t previous = made_by_[product.start];
    if (previous < 0 || !is_short(product)) continue;
    const MatmulPass& sum = draft_.matmuls_[previous];
    Link &link = links_[pass.index], &link_before = links_[previous];
    const bool joins = are_alike(sum.form, product.form) && is_short(sum) && sum.node_count == 1 &&
                       buffer(sum.c).place == PlanBuffer::Place::arena &&
                       (sum.start < 0 || buffer(root(sum.start)).place == PlanBuffer::Place::arena) &&
                       reads_[sum.c] == 1 && (link_before.length + 1) * product.form.k <= most_steps;
    if (!joins) continue;
    link.before = previous;
    link.length = link_before.length + 1;
    link_before.after = pass.index;
  }
}

/// Merges the chain that ends with product `end` into one product, if its factors can be made contiguous.
void Planner::join_chain(std::int32_t end) {
  const auto product = [&](std::int32_t index) -> MatmulPass& { return draft_.matmuls_[index]; };
  chain_.clear(), chain_of_a_.clear(), chain_of_b_.clear();
  for (std::int32_t at = end; at >= 0; at = links_[at].before) chain_.push_back(at);
  std::reverse(chain_.begin(), chain_.end());
  for (const std::int32_t index : chain_) {
    chain_of_a_.push_back(product(index).a);
    chain_of_b_.push_back(product(index).b);
  }
  if (!lie_together(chain_of_a_) || !lie_together(chain_of_b_)) return;
  MatmulPass& whole = product(end);
  const MatmulPass& first = product(chain_.front());
  whole.a = first.a;
  whole.b = first.b;
  whole.start = first.start;
  whole.form.k *= static_cast<std::int64_t>(chain_.size());
  whole.form.looks_for_zeros = false;
  std::vector<std::int32_t>& lists = draft_.lists_;
  whole.joined_nodes.begin = static_cast<std::int32_t>(lists.size());
  for (const std::int32_t index : chain_)
    if (index != end) {
      lists.push_back(product(index).nodes[0]);
      product(index).node_count = 0;
    }
  whole.joined_nodes.end = whole.joined_reads.begin = static_cast<std::int32_t>(lists.size());
  lists.insert(lists.end(), chain_of_a_.begin() + 1, chain_of_a_.end());
  lists.insert(lists.end(), chain_of_b_.begin() + 1, chain_of_b_.end());
  whole.joined_reads.end = static_cast<std::int32_t>(lists.size());
}

/// Makes these buffers contiguous, if possible; returns whether they are.
bool Planner::lie_together(std::span<const std::int32_t> buffers) {
  const auto at = [&](std::int32_t index) -> Together& { return together_[index]; };
  const std::int32_t first = buffers.front();
  if (at(first).first == first && at(first).count == static_cast<std::int32_t>(buffers.size())) {
    std::int32_t next = first;  // they may be already
    for (const std::int32_t index : buffers) {
      if (index != next) return false;
      next = at(next).next;
    }
    return true;
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const PlanBuffer& one = buffer(buffers[i]);
    const bool is_free = one.place == PlanBuffer::Place::arena && one.bytes == buffer(first).bytes &&
                         at(buffers[i]).first < 0 && !at(buffers[i]).is_kept;
    const bool is_new = std::find(buffers.begin(), buffers.begin() + static_cast<std::ptrdiff_t>(i), buffers[i]) ==
                        buffers.begin() + static_cast<std::ptrdiff_t>(i);
    if (!is_free || !is_new) return false;
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    at(buffers[i]).first = first;
    at(buffers[i]).next = i + 1 < buffers.size() ? buffers[i + 1] : -1;
  }
  at(first).count = static_cast<std::int32_t>(buffers.size());
  return true;
}

/// Removes the products that were merged into others.
void Planner::drop_joined() {
  std::size_t left = 0;
  for (std::size_t i = 0; i < draft_.matmuls_.size(); ++i) {
    if (draft_.matmuls_[i].node_count == 0) continue;
    links_[i].place = static_cast<std::int32_t>(left);
    if (left != i) draft_.matmuls_[left] = draft_.matmuls_[i];
    ++left;
  }
  draft_.matmuls_.resize(left);
  auto end = passes_.begin();
  for (Pass pass : passes_) {
    if (pass.kind == Pass::Kind::matmul) pass.index = links_[pass.index].place;
    if (pass.index >= 0) *end++ = pass;
  }
  passes_.erase(end, passes_.end());
}

/// Transposes parameters once if several products of few rows would each transpose them.
void Planner::share_transposes() {
  if (eager_) return;
  struct Transposed {
    std::int32_t buffer;
    std::int64_t n, k, stride;
    int uses;
    std::int32_t copy;
  };
  std::vector<Transposed> matrices;
  const auto find = [&](const MatmulPass& pass) -> Transposed* {
    const run::MatmulForm& m = pass.form;
    const bool is_fit = m.transpose_b && pass.batch < 0 && m.m > 1 && m.m <= most_rows && m.n > 1 &&
                        buffer(pass.b).place == PlanBuffer::Place::registry;
    if (!is_fit) return nullptr;
    for (Transposed& known : matrices)
      if (known.buffer == pass.b && known.n == m.n && known.k == m.k && known.stride == m.ldb) return &known;
    return &matrices.emplace_back(Transposed{pass.b, m.n, m.k, m.ldb, 0, -1});
  };
  for (const MatmulPass& pass : draft_.matmuls_)
    if (Transposed* const matrix = find(pass)) ++matrix->uses;
  for (Transposed& matrix : matrices) {
    if (matrix.uses < 2) continue;
    StridedView view;
    view.strides[0] = 1;
    view.strides[1] = matrix.stride;
    matrix.copy = copy_view(buffer(matrix.buffer).node, matrix.buffer, view, Shape{matrix.k, matrix.n});
    passes_.insert(passes_.begin(), passes_.back());  // parameters are available from the beginning
    passes_.pop_back();
  }
  for (MatmulPass& pass : draft_.matmuls_) {
    const Transposed* const matrix = find(pass);
    if (matrix == nullptr || matrix->copy < 0) continue;
    pass.b = matrix->copy;
    pass.form.transpose_b = false;
    pass.form.ldb = matrix->n;
    pass.form.looks_for_zeros = false;
  }
}

}  // namespace thalweg::internal
