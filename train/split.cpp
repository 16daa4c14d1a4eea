#include <thalweg/train/split.hpp>

#include <cmath>

#include <fmt/format.h>

#include <thalweg/error.hpp>

namespace thalweg {

namespace {

Tensor permutation(std::int64_t count, Random& random) {
  Tensor order = Tensor::empty({count}, i64);
  DrawSource source = random.next_source();
  source.stream = stream_of(source.stream, "shuffle");  // a separate stream, to repeat no other draw of the program
  fill_permutation(order.mutable_data<std::int64_t>(), source);
  return order;
}

}  // namespace

Split split(const Dataset& dataset, const SplitOptions& options, SourceLine line) {
  const auto count = static_cast<std::size_t>(dataset.size());
  const double wanted = std::round(options.held_out * static_cast<double>(count));
  const bool leaves_both = wanted >= 1 && wanted <= static_cast<double>(count) - 1;  // false for NaN
  if (!leaves_both)
    throw ValueError(error_text(
        "split", fmt::format("held_out {} of {} samples leaves nothing on one side", options.held_out, count), line));
  const Tensor order = options.random ? permutation(dataset.size(), *options.random) : Tensor::arange(dataset.size());
  const auto train = count - static_cast<std::size_t>(wanted);
  const std::span<const std::int64_t> indices = order.data<std::int64_t>();
  return {dataset.select(indices.first(train)), dataset.select(indices.subspan(train))};
}

Dataset shuffled(const Dataset& dataset, Random& random) {
  const Tensor order = permutation(dataset.size(), random);
  return dataset.select(order.data<std::int64_t>());
}

}  // namespace thalweg
