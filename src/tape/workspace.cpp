#include "src/tape/workspace.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include <thalweg/threads.hpp>

#include "src/plan/plan.hpp"
#include "src/run/simd.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg::internal {

Segment::Segment(Segment* parent_segment, std::int32_t first_id) : parent(parent_segment), base(first_id) {}
Segment::~Segment() = default;

void Segment::complete(std::span<const Key> all_keys, std::span<const Info> all_infos, RecordingMemory& memory) {
  block_ = memory.take(all_keys.size_bytes() + all_infos.size_bytes());
  keys = {reinterpret_cast<Key*>(block_.data()), all_keys.size()};
  infos = {reinterpret_cast<Info*>(block_.data() + keys.size_bytes()), all_infos.size()};
  std::uninitialized_copy(all_keys.begin(), all_keys.end(), keys.begin());
  std::uninitialized_copy(all_infos.begin(), all_infos.end(), infos.begin());
  longest = end_ = base + static_cast<std::int32_t>(infos.size());
  parent->longest = std::max(parent->longest, end_);
}

void Segment::set_composed(std::vector<Composed> composed) {
  composed_ = std::move(composed);
  if (composed_.empty()) return;
  composed_.push_back(no_composed);
  first_composed = composed_.data();
}

std::span<const Composed> Segment::composed() const {
  return std::span<const Composed>(composed_).first(composed_.empty() ? 0 : composed_.size() - 1);
}

std::size_t Segment::bytes() const {
  std::size_t bytes = sizeof(Segment) + block_.bytes() + turns.capacity() * sizeof(Turn) +
                      gradient_outputs.capacity() * sizeof(GradientOutput) + composed_.capacity() * sizeof(Composed);
  for (const Composed& made : composed_)
    bytes += made.scopes.capacity() * sizeof(ScopeEntry) + made.lines.capacity() * sizeof(Line);
  return bytes;
}

std::int32_t InternPool::list(std::span<const std::int32_t> ids) {
  std::uint64_t hash = ids.size();
  for (const std::int32_t id : ids) hash = (hash ^ static_cast<std::uint32_t>(id)) * 0xFF51AFD7ED558CCDu;
  const auto [first, last] = list_numbers_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    const std::vector<std::int32_t>& known = lists_[static_cast<std::size_t>(it->second)];
    if (std::equal(known.begin(), known.end(), ids.begin(), ids.end())) return it->second;
  }
  const auto number = static_cast<std::int32_t>(lists_.size());
  lists_.emplace_back(ids.begin(), ids.end());
  list_numbers_.emplace(hash, number);
  list_bytes_ += ids.size() * sizeof(std::int32_t) + 96;
  return number;
}

void InternPool::clear() {
  list_numbers_.clear();
  lists_.clear();
  list_bytes_ = 0;
}

constinit thread_local Workspace* Workspace::current_ = nullptr;

Workspace& Workspace::make_current() {
  // Errors in the environment are reported here, before anything is recorded.
  run::check_simd_environment();
  (void)thread_count();
  thread_local Workspace workspace;
  current_ = &workspace;
  return workspace;
}

Workspace::Workspace() : root(std::make_unique<Segment>(nullptr, 0)) {
  static std::atomic<std::uint64_t> threads{0};
  last_serial_ = threads.fetch_add(1, std::memory_order_relaxed) << serial_bits;
}

Workspace::~Workspace() = default;

void Workspace::drop_recordings() {
  root = std::make_unique<Segment>(nullptr, 0);
  segment_bytes = 0;
  pool.clear();
}

Recorder* Workspace::acquire_new() {
  Recorder* const innermost = Recorder::current();
  if (innermost == nullptr && is_full()) drop_recordings();
  Recorder*& next = innermost != nullptr ? innermost->inner_ : outermost_;
  if (next == nullptr) next = recorders_.emplace_back(std::make_unique<Recorder>(*this)).get();
  Recorder::recorders_.outermost = outermost_;
  return next;
}

void Workspace::retire(std::unique_ptr<Plan> plan, const Recorder* ending) {
  if (plan == nullptr) return;
  const auto is_used = [&](const std::unique_ptr<Plan>& other) {
    for (const Recorder* live = Recorder::current(); live != nullptr; live = live->outer_)
      if (live != ending && live->has_carried_out(other->number())) return true;
    return false;
  };
  std::erase_if(retired_plans_, [&](const auto& other) { return !is_used(other); });
  if (is_used(plan)) retired_plans_.push_back(std::move(plan));
}

const Plan* Workspace::retired_plan(std::uint64_t number) const {
  const auto at = std::find_if(retired_plans_.begin(), retired_plans_.end(),
                               [&](const auto& plan) { return plan->number() == number; });
  return at == retired_plans_.end() ? nullptr : at->get();
}

void Workspace::release(Recorder& recorder) {
  Recorder* innermost = &recorder;
  while (innermost->inner_ != nullptr && innermost->inner_->serial_ != 0) innermost = innermost->inner_;
  if (innermost != &recorder) {  // moves behind it, to the free ones
    (recorder.outer_ != nullptr ? recorder.outer_->inner_ : outermost_) = recorder.inner_;
    Recorder::recorders_.outermost = outermost_;
    recorder.inner_->outer_ = recorder.outer_;
    recorder.inner_ = std::exchange(innermost->inner_, &recorder);
  } else if (Recorder::recorders_.current == &recorder) {
    Recorder::recorders_.current = recorder.outer_;
  }
}

void Workspace::check_limit() {
  if (Recorder::current() == nullptr && is_full()) Recorder::recorders_.outermost = nullptr;
}

bool Workspace::is_alive(std::uint64_t serial) const {
  for (const Recorder* live = Recorder::current(); live != nullptr; live = live->outer_)
    if (live->serial() == serial) return true;
  return false;
}

}  // namespace thalweg::internal
