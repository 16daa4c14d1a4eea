#include <thalweg/train/batches.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <thalweg/error.hpp>

namespace thalweg {

namespace {

[[noreturn]] void fail(const std::string& message, SourceLine line) {
  throw ValueError(error_text("batches", message, line));
}

void check(const Dataset& dataset, const BatchOptions& options, SourceLine line) {
  if (dataset.size() == 0) fail("the data set is empty", line);
  if (options.size < 1) fail(fmt::format("size must be at least 1, got {}", options.size), line);
  if (options.count && *options.count < 0)
    fail(fmt::format("count must not be negative, got {}", *options.count), line);
  if (options.skip < 0) fail(fmt::format("skip must not be negative, got {}", options.skip), line);
  if (!options.random && options.replacement) fail("replacement needs a random", line);
  if (!options.random && options.epoch) fail("an epoch needs a random", line);
}

std::int64_t batches_of_a_pass(const Dataset& dataset, const BatchOptions& options) {
  const bool whole_only = options.drop_last || options.replacement;
  return (dataset.size() + (whole_only ? 0 : options.size - 1)) / options.size;
}

std::int64_t batch_count(const Dataset& dataset, const BatchOptions& options, SourceLine line) {
  const std::int64_t pass = batches_of_a_pass(dataset, options);
  if (!options.count) return pass;
  if (!options.replacement && *options.count > pass)
    fail(fmt::format("count {} is more than the {} batches of one pass, which only replacement allows", *options.count,
                     pass),
         line);
  return *options.count;
}

/// The order has a separate stream, so that it repeats no numbers that the program draws from `random`.
DrawSource order_source(Random& random, std::optional<std::uint64_t> wanted_epoch) {
  const std::uint64_t epoch = wanted_epoch ? *wanted_epoch : random.next_draw();
  return {.seed = random.seed(), .draw = epoch, .stream = stream_of(random.stream(), "batches")};
}

Tensor sample_order(const Dataset& dataset, const BatchOptions& options, std::int64_t batch_count) {
  if (!options.random) return Tensor::arange(dataset.size());
  const DrawSource source = order_source(*options.random, options.epoch);
  Tensor order = Tensor::empty({options.replacement ? batch_count * options.size : dataset.size()}, i64);
  if (options.replacement)
    fill_indices(order.mutable_data<std::int64_t>(), dataset.size(), source);
  else
    fill_permutation(order.mutable_data<std::int64_t>(), source);
  return order;
}

}  // namespace

Batches::Batches(Dataset dataset, const BatchOptions& options, SourceLine line)
    : dataset_(std::move(dataset)), batch_size_(options.size), first_(options.skip) {
  check(dataset_, options, line);
  count_ = batch_count(dataset_, options, line);
  order_ = sample_order(dataset_, options, count_);
}

Batches::Iterator::Iterator(const Batches& range, std::int64_t position) : range_(&range), position_(position) {
  take();
}

Batches::Iterator& Batches::Iterator::operator++() {
  ++position_;
  take();
  return *this;
}

void Batches::Iterator::take() {
  batch_ = {};  // released first, so that the next batch reuses its memory
  if (*this == std::default_sentinel) return;
  const std::span<const std::int64_t> order = range_->order_.data<std::int64_t>();
  const auto begin = static_cast<std::size_t>(position_ * range_->batch_size_);
  const auto size = std::min(static_cast<std::size_t>(range_->batch_size_), order.size() - begin);
  batch_ = range_->dataset_.take(order.subspan(begin, size));
}

Batches batches(const Dataset& dataset, const BatchOptions& options, SourceLine line) {
  return Batches(dataset, options, line);
}

}  // namespace thalweg
