#include "src/tape/workspace.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_set>

#include "src/plan/plan.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg::internal {

namespace {

std::uint64_t hash_words(const std::int64_t* words, std::size_t count, std::uint64_t seed) {
  std::uint64_t hash = seed ^ (count * 0x9E3779B97F4A7C15u);
  for (std::size_t i = 0; i < count; ++i) {
    hash = (hash ^ static_cast<std::uint64_t>(words[i])) * 0xFF51AFD7ED558CCDu;
    hash ^= hash >> 32;
  }
  return hash;
}

struct ShapeHash {
  std::size_t operator()(const Shape& shape) const {
    return hash_words(shape.begin(), static_cast<std::size_t>(shape.rank()), 0);
  }
};

/// The interned shapes of the process: tapes of any thread read a registry's entries. Never shrinks: a program has few
/// shapes, of 80 bytes each.
class ShapeTable {
 public:
  const Shape* intern(const Shape& shape) {
    std::scoped_lock lock(mutex_);
    return &*shapes_.insert(shape).first;
  }

 private:
  std::mutex mutex_;
  std::unordered_set<Shape, ShapeHash> shapes_;
};

ShapeTable& shape_table() {
  static ShapeTable* table = new ShapeTable;  // never destroyed: tapes of static storage duration may use it at exit
  return *table;
}

}  // namespace

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

const Shape* intern_shape(const Shape& shape) { return shape_table().intern(shape); }

const Shape* InternPool::shape(const Shape& shape) {
  // A direct-mapped cache in front of the table avoids the lock for shapes that a thread uses often.
  const std::size_t hash = ShapeHash{}(shape);
  const Shape*& cached = cache_[hash % cache_.size()];
  if (cached == nullptr || !(*cached == shape)) cached = intern_shape(shape);
  return cached;
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

void InternPool::clear_lists() {
  list_numbers_.clear();
  lists_.clear();
  list_bytes_ = 0;
}

constinit thread_local Workspace* Workspace::current_ = nullptr;

Workspace& Workspace::make_current() {
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
  pool.clear_lists();
}

Recorder* Workspace::acquire_new(bool drops_recordings) {
  if (drops_recordings) drop_recordings();
  if (live_count_ == recorders_.size()) recorders_.push_back(std::make_unique<Recorder>(*this));
  return recorders_[live_count_++].get();
}

void Workspace::retire(std::unique_ptr<Plan> plan, const Recorder* ending) {
  if (plan == nullptr) return;
  const auto end = recorders_.begin() + static_cast<std::ptrdiff_t>(live_count_);
  const auto is_used = [&](const std::unique_ptr<Plan>& other) {
    return std::any_of(recorders_.begin(), end, [&](const auto& live) {
      return live.get() != ending && live->has_carried_out(other->number());
    });
  };
  std::erase_if(retired_plans_, [&](const auto& other) { return !is_used(other); });
  if (is_used(plan)) retired_plans_.push_back(std::move(plan));
}

const Plan* Workspace::retired_plan(std::uint64_t number) const {
  const auto at = std::find_if(retired_plans_.begin(), retired_plans_.end(),
                               [&](const auto& plan) { return plan->number() == number; });
  return at == retired_plans_.end() ? nullptr : at->get();
}

void Workspace::make_innermost(Recorder* recorder) {
  const auto end = recorders_.begin() + static_cast<std::ptrdiff_t>(live_count_);
  const auto place = std::find_if(recorders_.begin(), end, [&](const auto& live) { return live.get() == recorder; });
  std::rotate(place, place + 1, end);
}

bool Workspace::is_alive(std::uint64_t serial) const {
  const auto end = recorders_.begin() + static_cast<std::ptrdiff_t>(live_count_);
  return std::any_of(recorders_.begin(), end, [&](const auto& live) { return live->serial() == serial; });
}

}  // namespace thalweg::internal
