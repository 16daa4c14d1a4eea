#include "src/plan/products.hpp"

#include <algorithm>

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

// --- transposed parameters ---

/// Transposes parameters once if several products of few rows would each transpose them.
void share_transposes(Schedule& schedule) {
  struct Transposed {
    std::int32_t buffer;
    std::int64_t n, k, stride;
    int uses;
    std::int32_t copy, previous;  // previous: of the same buffer; −1: none
  };
  std::vector<Transposed> matrices;
  std::vector<std::int32_t> latest(schedule.matmuls_.empty() ? 0 : schedule.buffers_.size(), -1);  // by buffer
  const auto find = [&](const MatmulPass& pass) -> Transposed* {
    const run::MatmulForm& m = pass.form;
    const bool is_fit = m.transpose_b && pass.batch < 0 && m.m > 1 && m.m <= most_rows && m.n > 1 &&
                        schedule.buffer(pass.b).place == PlanBuffer::Place::registry;
    if (!is_fit) return nullptr;
    std::int32_t& last = latest[static_cast<std::size_t>(pass.b)];
    for (std::int32_t at = last; at >= 0; at = matrices[static_cast<std::size_t>(at)].previous) {
      Transposed& known = matrices[static_cast<std::size_t>(at)];
      if (known.n == m.n && known.k == m.k && known.stride == m.ldb) return &known;
    }
    matrices.push_back({pass.b, m.n, m.k, m.ldb, 0, -1, last});
    last = static_cast<std::int32_t>(matrices.size()) - 1;
    return &matrices.back();
  };
  for (const MatmulPass& pass : schedule.matmuls_)
    if (Transposed* const matrix = find(pass)) ++matrix->uses;
  std::vector<Pass>& passes = schedule.passes_;
  const auto known_passes = static_cast<std::ptrdiff_t>(passes.size());
  for (Transposed& matrix : matrices) {
    if (matrix.uses < 2) continue;
    StridedView view;
    view.strides[0] = 1;
    view.strides[1] = matrix.stride;
    const PlanBuffer parameter = schedule.buffer(matrix.buffer);
    matrix.copy = schedule.add_copy(parameter.node, parameter.dtype, matrix.buffer, view, Shape{matrix.k, matrix.n});
  }
  std::reverse(passes.begin() + known_passes, passes.end());  // parameters are available from the beginning
  std::rotate(passes.begin(), passes.begin() + known_passes, passes.end());
  for (MatmulPass& pass : schedule.matmuls_) {
    const Transposed* const matrix = find(pass);
    if (matrix == nullptr || matrix->copy < 0) continue;
    pass.b = matrix->copy;
    pass.form.transpose_b = false;
    pass.form.ldb = matrix->n;
    pass.form.looks_for_zeros = false;
  }
}

// --- sums of short products ---

std::span<const GroupMember> ProductMerger::merge(Schedule& schedule) {
  groups_.clear();
  const bool has_sums = std::any_of(schedule.matmuls_.begin(), schedule.matmuls_.end(),
                                    [](const MatmulPass& pass) { return pass.start >= 0 && is_short(pass); });
  if (!has_sums) return groups_;
  groups_.resize(schedule.buffers_.size());
  count_reads(schedule);
  find_chains(schedule);
  for (const Pass& pass : schedule.passes_) {
    if (pass.kind != Pass::Kind::matmul) continue;
    const Link& link = links_[static_cast<std::size_t>(pass.index)];
    if (link.before >= 0 && link.after < 0) merge_chain(schedule, pass.index);  // the end of one
  }
  drop_merged(schedule);
  return groups_;
}

/// Counts the reads of each buffer, including reads through aliases; later requests read kept ones.
void ProductMerger::count_reads(const Schedule& schedule) {
  reads_.assign(schedule.buffers_.size(), 0);
  const auto count = [&](std::int32_t buffer) { ++reads_[static_cast<std::size_t>(buffer)]; };
  for (const Pass& pass : schedule.passes_)
    schedule.for_each_read(pass, [&](std::int32_t buffer) { count(schedule.root(buffer)); });
  for (const std::int32_t kept : schedule.kept_buffers) count(kept);
}

/// Finds chains of products, each the only reader of the sum before it.
void ProductMerger::find_chains(const Schedule& schedule) {
  links_.assign(schedule.matmuls_.size(), {});
  made_by_.assign(schedule.buffers_.size(), -1);
  const auto place_of = [&](std::int32_t buffer) { return schedule.buffer(buffer).place; };
  for (const Pass& pass : schedule.passes_) {
    if (pass.kind != Pass::Kind::matmul) continue;
    const MatmulPass& product = schedule.matmuls_[static_cast<std::size_t>(pass.index)];
    made_by_[static_cast<std::size_t>(product.c)] = pass.index;
    if (product.start < 0 || place_of(product.start) == PlanBuffer::Place::alias) continue;
    const std::int32_t previous = made_by_[static_cast<std::size_t>(product.start)];
    if (previous < 0 || !is_short(product)) continue;
    const MatmulPass& sum = schedule.matmuls_[static_cast<std::size_t>(previous)];
    Link& link = links_[static_cast<std::size_t>(pass.index)];
    Link& link_before = links_[static_cast<std::size_t>(previous)];
    const bool joins = are_alike(sum.form, product.form) && is_short(sum) && sum.node_count == 1 &&
                       place_of(sum.c) == PlanBuffer::Place::arena &&
                       (sum.start < 0 || place_of(schedule.root(sum.start)) == PlanBuffer::Place::arena) &&
                       reads_[static_cast<std::size_t>(sum.c)] == 1 &&
                       (link_before.length + 1) * product.form.k <= most_steps;
    if (!joins) continue;
    link.before = previous;
    link.length = link_before.length + 1;
    link_before.after = pass.index;
  }
}

/// Merges the chain that ends with product `end` into one product, if its factors can be made contiguous.
void ProductMerger::merge_chain(Schedule& schedule, std::int32_t end) {
  const auto product = [&](std::int32_t index) -> MatmulPass& {
    return schedule.matmuls_[static_cast<std::size_t>(index)];
  };
  chain_.clear(), chain_of_a_.clear(), chain_of_b_.clear();
  for (std::int32_t at = end; at >= 0; at = links_[static_cast<std::size_t>(at)].before) chain_.push_back(at);
  std::reverse(chain_.begin(), chain_.end());
  for (const std::int32_t index : chain_) {
    chain_of_a_.push_back(product(index).a);
    chain_of_b_.push_back(product(index).b);
  }
  if (!group(schedule, chain_of_a_) || !group(schedule, chain_of_b_)) return;
  MatmulPass& whole = product(end);
  const MatmulPass& first = product(chain_.front());
  whole.a = first.a;
  whole.b = first.b;
  whole.start = first.start;
  whole.form.k *= static_cast<std::int64_t>(chain_.size());
  whole.form.looks_for_zeros = false;
  std::vector<std::int32_t>& lists = schedule.lists_;
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

/// Makes these buffers a contiguous group, if possible; returns whether they are one.
bool ProductMerger::group(const Schedule& schedule, std::span<const std::int32_t> buffers) {
  if (are_grouped(buffers)) return true;
  if (!can_be_grouped(schedule, buffers)) return false;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    GroupMember& member = groups_[static_cast<std::size_t>(buffers[i])];
    member.first = buffers.front();
    member.next = i + 1 < buffers.size() ? buffers[i + 1] : -1;
  }
  groups_[static_cast<std::size_t>(buffers.front())].count = static_cast<std::int32_t>(buffers.size());
  return true;
}

bool ProductMerger::are_grouped(std::span<const std::int32_t> buffers) const {
  std::int32_t next = buffers.front();
  const GroupMember& first = groups_[static_cast<std::size_t>(next)];
  if (first.first != next || first.count != static_cast<std::int32_t>(buffers.size())) return false;
  for (const std::int32_t buffer : buffers) {
    if (buffer != next) return false;
    next = groups_[static_cast<std::size_t>(next)].next;
  }
  return true;
}

bool ProductMerger::can_be_grouped(const Schedule& schedule, std::span<const std::int32_t> buffers) const {
  for (auto at = buffers.begin(); at != buffers.end(); ++at) {
    const PlanBuffer& buffer = schedule.buffer(*at);
    const bool is_free = buffer.place == PlanBuffer::Place::arena && !buffer.kept &&
                         buffer.bytes == schedule.buffer(buffers.front()).bytes &&
                         groups_[static_cast<std::size_t>(*at)].first < 0;
    if (!is_free || std::find(buffers.begin(), at, *at) != at) return false;
  }
  return true;
}

/// Removes the products that were merged into others.
void ProductMerger::drop_merged(Schedule& schedule) {
  std::size_t left = 0;
  for (std::size_t i = 0; i < schedule.matmuls_.size(); ++i) {
    if (schedule.matmuls_[i].node_count == 0) continue;
    links_[i].place = static_cast<std::int32_t>(left);
    if (left != i) schedule.matmuls_[left] = schedule.matmuls_[i];
    ++left;
  }
  schedule.matmuls_.resize(left);
  for (Pass& pass : schedule.passes_)
    if (pass.kind == Pass::Kind::matmul) pass.index = links_[static_cast<std::size_t>(pass.index)].place;
  std::erase_if(schedule.passes_, [](const Pass& pass) { return pass.index < 0; });
}

}  // namespace thalweg::internal
