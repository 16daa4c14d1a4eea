#pragma once
// A pass over a data set, batch by batch:
//
//   for (const auto& [images, labels] : batches(train, {.size = 100, .random = random})) …

#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>

#include <thalweg/random.hpp>
#include <thalweg/train/dataset.hpp>

namespace thalweg {

struct BatchOptions {
  std::int64_t size = 100;
  /// Whose seed and stream the order comes from. Without it, samples come in the order of the data set.
  std::optional<std::reference_wrapper<Random>> random = std::nullopt;
  /// The order is a function of (seed, stream, epoch), so a resumed run finds its own again. Without an epoch, one is
  /// taken from `random` (its next draw number): every pass has another order.
  std::optional<std::uint64_t> epoch = std::nullopt;
  /// Each sample is drawn from all of them, rather than each once.
  bool replacement = false;
  /// How many batches there are; by default as many as cover the data set once. Without replacement no more than that.
  std::optional<std::int64_t> count = std::nullopt;
  /// Leaves out a last batch that would be smaller than the others.
  bool drop_last = false;
  /// Begins after this many batches: where a stopped run goes on.
  std::int64_t skip = 0;
};

/// A range of batches, for one pass. The order is drawn when it is made; a batch is taken when the loop comes to it,
/// into the memory that the batch before it has given back.
class Batches {
 public:
  Batches(Dataset dataset, const BatchOptions& options, SourceLine line = SourceLine::here());

  /// Number of batches, those skipped included.
  std::int64_t size() const { return count_; }

  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = Batch;

    Iterator(const Batches& range, std::int64_t position);
    const Batch& operator*() const { return batch_; }
    const Batch* operator->() const { return &batch_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return position_ >= range_->count_; }

   private:
    void take();

    const Batches* range_;
    std::int64_t position_;
    Batch batch_;
  };

  Iterator begin() const { return Iterator(*this, first_); }
  std::default_sentinel_t end() const { return {}; }

 private:
  Dataset dataset_;
  Tensor order_;  // i64: the index of every sample, batch after batch
  std::int64_t batch_size_;
  std::int64_t first_;
  std::int64_t count_;
};

/// ValueError: a size below 1, a negative count or skip, a count beyond one pass without replacement, replacement or
/// an epoch without a `random`, an empty data set.
Batches batches(const Dataset& dataset, const BatchOptions& options, SourceLine line = SourceLine::here());

}  // namespace thalweg
