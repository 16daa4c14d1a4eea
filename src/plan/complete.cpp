// Turns a draft into a plan: lays its lists out in one block, and counts the work of its passes.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>

#include "src/plan/plan.hpp"

namespace thalweg::internal {

void Plan::complete(PlanDraft& draft, RecordingMemory& memory) {
  sweeps_ = std::move(draft.sweeps_);
  keeps_in_advance = draft.keeps_in_advance;
  arena_begin = draft.arena_begin;
  arena_kept_end = draft.arena_kept_end;
  arena_end = draft.arena_end;
  argument_count_ = draft.argument_count_;
  value_buffer_ = draft.value_buffer_;
  lay_lists(draft, memory);
  share_forms();
  has_data_ =
      !(number_nodes_.empty() && draw_nodes_.empty() && constants_.empty() && held_.empty() && moving_views_.empty());
  counts_.sweeps = std::ssize(sweeps_);
  counts_.matmuls = std::ssize(matmuls_);
  counts_.other_kernels = std::ssize(passes_) - counts_.sweeps - counts_.matmuls;
  for (const Pass& pass : passes_) counts_.bytes_moved += static_cast<std::int64_t>(pass_bytes(pass));
  static_bytes_ = sizeof(Plan) + block_.bytes() + sweeps_.capacity() * sizeof(SweepPass) +
                  matmuls_.size() * sizeof(run::MatmulPanel);  // upper bound of panels_
  for (const SweepPass& pass : sweeps_) static_bytes_ += pass.sweep.bytes();
}

/// Allocates one block for all lists, and copies the draft's lists there.
void Plan::lay_lists(PlanDraft& draft, RecordingMemory& memory) {
  constexpr std::size_t alignment = 16;
  const auto room = [](std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; };
  const std::size_t buffers = draft.buffers_.size(), draws = draft.draw_nodes_.size(), products = draft.matmuls_.size(),
                    inputs = draft.opaque_inputs_.size(), arguments = static_cast<std::size_t>(draft.argument_count_);
  std::size_t bytes = room(buffers * sizeof(void*)) + room(draws * sizeof(run::DrawSource)) +
                      room(products * sizeof(BoundMatmul)) + room(inputs * sizeof(void*)) +
                      room(arguments * sizeof(run::Argument));
  with_lists_of(draft, [&](auto&, const auto& drafted) { bytes += room(drafted.size() * sizeof(drafted[0])); });
  block_ = memory.take(bytes);

  std::byte* at = block_.data();
  const auto lay = [&]<class T>(std::span<T>& list, std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= alignment);
    list = {reinterpret_cast<T*>(at), count};
    at += room(list.size_bytes());
  };
  const auto lay_new = [&](auto& list, std::size_t count) {
    lay(list, count);
    std::uninitialized_value_construct(list.begin(), list.end());
  };
  with_lists_of(draft, [&](auto& list, const auto& drafted) {
    lay(list, drafted.size());
    std::uninitialized_copy(drafted.begin(), drafted.end(), list.begin());
  });
  lay_new(pointers_, buffers);
  lay_new(draws_, draws);
  lay_new(bound_matmuls_, products);
  lay_new(opaque_memory_, inputs);
  lay_new(arguments_, arguments);
}

/// Lets products of equal forms, as in the time steps of a recurrent net, share one MatmulForm.
void Plan::share_forms() {
  std::array<const run::MatmulForm*, 8> known{};  // the latest distinct forms, as a ring
  std::size_t count = 0;
  for (std::size_t i = 0; i < matmuls_.size(); ++i) {
    const run::MatmulForm* form = nullptr;
    for (std::size_t back = 1; back <= std::min(count, known.size()) && form == nullptr; ++back)
      if (*known[(count - back) % known.size()] == matmuls_[i].form) form = known[(count - back) % known.size()];
    if (form == nullptr) form = known[count++ % known.size()] = &matmuls_[i].form;
    bound_matmuls_[i].batch = matmuls_[i].batch;
    bound_matmuls_[i].form = form;
  }
}

std::int64_t Plan::batch_count(const MatmulPass& pass) const {
  std::int64_t count = 1;
  if (pass.batch < 0) return count;
  const run::MatmulBatch& batch = batches_[static_cast<std::size_t>(pass.batch)];
  for (int axis = 0; axis < batch.rank; ++axis) count *= batch.counts[static_cast<std::size_t>(axis)];
  return count;
}

std::size_t Plan::pass_bytes(const Pass& pass) const {
  const auto bytes = [&](std::int32_t buffer) { return buffers_[static_cast<std::size_t>(buffer)].bytes; };
  switch (pass.kind) {
    case Pass::Kind::sweep: return sweep(pass).sweep.bytes_moved();
    case Pass::Kind::matmul: {
      const run::MatmulForm& m = matmul(pass).form;
      const std::int64_t of_c = 1 + (matmul(pass).start >= 0) + (m.bias_stride > 0) + (matmul(pass).activated >= 0);
      const std::int64_t elements = m.m * m.k + m.k * m.n + m.m * m.n * of_c;
      return static_cast<std::size_t>(elements * batch_count(matmul(pass))) * size_of(m.dtype);
    }
    case Pass::Kind::copy: return 2 * bytes(copy(pass).output);
    case Pass::Kind::opaque: {
      // An estimate: an opaque op reads of each input at most as much as it writes (as a gather of rows does).
      const std::size_t written = bytes(opaque(pass).output);
      std::size_t sum = written;
      for (const std::int32_t input : reads(pass)) sum += std::min(bytes(input), written);
      return sum;
    }
    case Pass::Kind::zero: return zero(pass).bytes;
  }
  return 0;
}

}  // namespace thalweg::internal
