#pragma once
// One pass over a data set, batch by batch:
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
  /// Its seed and stream determine the order. Without it, samples come in the order of the data set.
  std::optional<std::reference_wrapper<Random>> random = std::nullopt;
  /// The order is a function of (seed, stream, epoch), so a resumed run repeats its own. Without an epoch, the next
  /// draw number of `random` serves as one: every pass has a different order.
  std::optional<std::uint64_t> epoch = std::nullopt;
  /// Draws every sample from the whole data set, instead of each sample once.
  bool replacement = false;
  /// Number of batches: by default as many as cover the data set once, which is also the limit without replacement.
  std::optional<std::int64_t> count = std::nullopt;
  /// Omits a last batch that is smaller than the others.
  bool drop_last = false;
  /// Skips this many batches, to continue a stopped run.
  std::int64_t skip = 0;
};

/// A range of batches, for one pass. The order is drawn on construction; each batch is copied when the loop reaches it,
/// into the memory released by the batch before.
class Batches {
 public:
  Batches(Dataset dataset, const BatchOptions& options, SourceLine line = SourceLine::here());

  /// Number of batches, including skipped ones.
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

/// ValueError for a size below 1, a negative count or skip, a count beyond one pass without replacement, replacement or
/// an epoch without a `random`, or an empty data set.
Batches batches(const Dataset& dataset, const BatchOptions& options, SourceLine line = SourceLine::here());

}  // namespace thalweg
