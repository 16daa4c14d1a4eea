#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <thalweg/error.hpp>
#include <thalweg/train/accuracy.hpp>
#include <thalweg/train/batches.hpp>
#include <thalweg/train/split.hpp>

namespace tw = thalweg;

namespace {

/// `count` samples of three pixels; sample i has label i, and pixels i, i, 255 - i.
tw::Dataset numbered(int count) {
  std::vector<std::uint8_t> images, labels;
  for (int i = 0; i < count; ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    images.insert(images.end(), {byte, byte, static_cast<std::uint8_t>(255 - i)});
    labels.push_back(byte);
  }
  return tw::Dataset(images, labels, 3);
}

/// The labels of all batches in turn: in a numbered set, the order of the samples.
std::vector<std::int64_t> order(const tw::Dataset& dataset, const tw::BatchOptions& options) {
  std::vector<std::int64_t> result;
  for (const auto& [images, labels] : tw::batches(dataset, options)) {
    const auto batch = labels.data<std::int64_t>();
    result.insert(result.end(), batch.begin(), batch.end());
  }
  return result;
}

std::vector<std::int64_t> sorted(std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<std::int64_t> up_to(std::int64_t count) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(count));
  std::iota(result.begin(), result.end(), 0);
  return result;
}

}  // namespace

TEST_CASE("Dataset: pixels are divided by 255, correctly rounded") {
  const tw::Dataset dataset = numbered(256);
  const auto [images, labels] = dataset.all();
  CHECK(images.shape() == tw::Shape{256, 3});
  CHECK(images.dtype() == tw::f32);
  CHECK(labels.dtype() == tw::i64);
  for (int i = 0; i < 256; ++i) {
    const auto expected = static_cast<float>(static_cast<double>(i) / 255);
    REQUIRE(images.at<float>({i, 1}) == expected);
    REQUIRE(images.at<float>({255 - i, 2}) == expected);
  }
}

TEST_CASE("Dataset: take, first and what they refuse") {
  const tw::Dataset dataset = numbered(5);
  const std::vector<std::int64_t> indices = {4, 0, 4};
  CHECK(tw::identical(dataset.take(indices).labels, tw::Tensor{4, 0, 4}));
  CHECK(tw::identical(dataset.first(2).all().labels, tw::Tensor{0, 1}));
  CHECK(dataset.first(0).all().images.shape() == tw::Shape{0, 3});
  CHECK_THROWS_WITH(dataset.first(6), Catch::StartsWith("[first] 6 samples of 5 at batches_test.cpp:"));
  const std::vector<std::int64_t> beyond = {0, 5}, negative = {-1};
  CHECK_THROWS_WITH(dataset.take(beyond),
                    Catch::StartsWith("[take] sample 5 is out of range for 5 samples at batches_test.cpp:"));
  CHECK_THROWS_AS(dataset.take(negative), tw::IndexError);
  CHECK_THROWS_AS(dataset.first(2).take(beyond), tw::IndexError);
  CHECK_THROWS_WITH(
      tw::Dataset({1, 2, 3}, {0, 1}, 2),
      Catch::StartsWith("[Dataset] 3 bytes of images are not 2 samples of 2 features at batches_test.cpp:"));
}

TEST_CASE("Dataset: of tensors, whose rows come as they are") {
  const tw::Tensor inputs = tw::Tensor::arange(24, tw::f64).reshape({6, 2, 2});
  const tw::Tensor targets = tw::Tensor{{0., 1.}, {2., 3.}, {4., 5.}, {6., 7.}, {8., 9.}, {10., 11.}};
  const tw::Dataset dataset(inputs, targets);
  CHECK(dataset.size() == 6);
  CHECK(dataset.features() == 4);
  CHECK(tw::identical(dataset.all().images, inputs));
  CHECK(tw::identical(dataset.all().labels, targets));
  const std::vector<std::int64_t> indices = {5, 1};
  const tw::Batch batch = dataset.take(indices);
  CHECK(tw::identical(batch.images, tw::Tensor({{{20., 21.}, {22., 23.}}, {{4., 5.}, {6., 7.}}}, tw::f64)));
  CHECK(tw::identical(batch.labels, tw::Tensor{{10., 11.}, {2., 3.}}));
  CHECK(tw::identical(dataset.select(indices).all().images, batch.images));
  CHECK(tw::identical(dataset.first(2).all().labels, tw::Tensor{{0., 1.}, {2., 3.}}));
  CHECK(dataset.first(0).all().images.shape() == tw::Shape{0, 2, 2});
  CHECK(dataset.take({}).labels.shape() == tw::Shape{0, 2});

  tw::Random random(0);
  std::vector<double> seen;
  for (const auto& [x, y] : tw::batches(dataset, {.size = 4, .random = random}))
    for (std::int64_t row = 0; row < x.shape()[0]; ++row) {
      seen.push_back(x.at<double>({row, 0, 0}));
      CHECK(y.at<float>({row, 0}) * 2 == static_cast<float>(seen.back()));
    }
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<double>{0, 4, 8, 12, 16, 20});
  const auto [train, held_out] = tw::split(dataset, {.held_out = 1. / 3});
  CHECK(tw::identical(held_out.all().labels, tw::Tensor{{8., 9.}, {10., 11.}}));

  CHECK_THROWS_WITH(
      tw::Dataset(inputs, tw::Tensor{1, 2}),
      Catch::StartsWith(
          "[Dataset] inputs (6, 2, 2) and targets (2,) differ in their number of rows at batches_test.cpp:"));
  CHECK_THROWS_AS(tw::Dataset(tw::Tensor(1.), tw::Tensor(1)), tw::ShapeError);
  CHECK_THROWS_AS(dataset.take(std::vector<std::int64_t>{6}), tw::IndexError);
  CHECK(tw::Dataset(tw::Tensor::zeros({0, 3}), tw::Tensor::zeros({0})).size() == 0);
}

TEST_CASE("batches: without replacement each sample comes once, the last batch with what is left") {
  tw::Random random(3);
  const tw::Dataset dataset = numbered(25);
  std::vector<std::int64_t> sizes;
  for (const tw::Batch& batch : tw::batches(dataset, {.size = 10, .random = random}))
    sizes.push_back(batch.labels.size());
  CHECK(sizes == std::vector<std::int64_t>{10, 10, 5});
  const auto shuffled = order(dataset, {.size = 10, .random = random});
  CHECK(sorted(shuffled) == up_to(25));
  CHECK(shuffled != up_to(25));
  CHECK(order(dataset, {.size = 10, .random = random, .drop_last = true}).size() == 20);
  CHECK(order(dataset, {.size = 10, .random = random, .count = 1}).size() == 10);
}

TEST_CASE("batches: images belong to their labels") {
  tw::Random random(1);
  for (const auto& [images, labels] : tw::batches(numbered(20), {.size = 7, .random = random}))
    for (std::int64_t row = 0; row < labels.size(); ++row)
      REQUIRE(images.at<float>({row, 0}) == static_cast<float>(labels.at<std::int64_t>({row})) / 255);
}

TEST_CASE("batches: in the order of the set without a random") { CHECK(order(numbered(7), {.size = 3}) == up_to(7)); }

TEST_CASE("batches: with replacement samples repeat, and there are as many batches as asked for") {
  tw::Random random(0);
  const tw::Dataset dataset = numbered(10);
  const auto drawn = order(dataset, {.size = 10, .random = random, .replacement = true, .count = 30});
  CHECK(drawn.size() == 300);
  CHECK(std::set(drawn.begin(), drawn.end()).size() == 10);
  CHECK(std::set(drawn.begin(), drawn.begin() + 10).size() < 10);
  CHECK(order(dataset, {.size = 4, .random = random, .replacement = true}).size() == 8);
}

TEST_CASE("batches: the order depends on seed, stream and epoch, and on nothing else") {
  const tw::Dataset dataset = numbered(50);
  const auto order_of = [&](tw::Random random, std::uint64_t epoch, std::uint64_t drawn_before, bool replacement) {
    random.set_position(drawn_before);
    return order(dataset, {.random = random, .epoch = epoch, .replacement = replacement, .count = replacement ? 3 : 1});
  };
  for (const bool replacement : {false, true}) {
    const auto reference = order_of(tw::Random(5), 2, 0, replacement);
    CHECK(order_of(tw::Random(5), 2, 77, replacement) == reference);
    CHECK(order_of(tw::Random(6), 2, 0, replacement) != reference);
    CHECK(order_of(tw::Random(5), 3, 0, replacement) != reference);
    CHECK(order_of(tw::Random(5).split("trial"), 2, 0, replacement) != reference);
  }
}

TEST_CASE("batches: without an epoch each pass takes the next draw of its random") {
  const tw::Dataset dataset = numbered(50);
  tw::Random random(5);
  const auto first = order(dataset, {.random = random});
  const auto second = order(dataset, {.random = random});
  CHECK(first != second);
  CHECK(random.position() == 2);
  CHECK(order(dataset, {.random = random, .epoch = 1}) == second);
  CHECK(random.position() == 2);
}

TEST_CASE("batches: a resumed pass goes on where the stopped one was") {
  const tw::Dataset dataset = numbered(50);
  for (const bool replacement : {false, true}) {
    tw::Random random(9);
    const tw::BatchOptions options{.size = 8, .random = random, .epoch = 4, .replacement = replacement};
    const auto whole = order(dataset, options);
    for (const std::int64_t done : {0, 1, 5, 6, 7, 100}) {
      tw::Random resumed(9);
      tw::BatchOptions rest = options;
      rest.random = resumed;
      rest.skip = done;
      const auto begin = std::min<std::size_t>(whole.size(), static_cast<std::size_t>(8 * done));
      CHECK(order(dataset, rest) ==
            std::vector<std::int64_t>(whole.begin() + static_cast<std::ptrdiff_t>(begin), whole.end()));
    }
  }
}

#if !defined(__SANITIZE_ADDRESS__)  // under which buffers are not pooled, so that each is watched
TEST_CASE("batches: a batch takes the memory of the one before it") {
  tw::Random random(2);
  std::set<const void*> buffers;
  for (const tw::Batch& batch : tw::batches(numbered(200), {.size = 10, .random = random}))
    buffers.insert({batch.images.raw(), batch.labels.raw()});
  CHECK(buffers.size() == 2);
}
#endif

TEST_CASE("batches: a batch that is kept stays as it was") {
  std::vector<tw::Batch> kept;
  for (const tw::Batch& batch : tw::batches(numbered(6), {.size = 2})) kept.push_back(batch);
  CHECK(tw::identical(kept[0].labels, tw::Tensor{0, 1}));
  CHECK(tw::identical(kept[2].labels, tw::Tensor{4, 5}));
}

TEST_CASE("batches: settings without meaning") {
  tw::Random random(0);
  const tw::Dataset dataset = numbered(10);
  CHECK_THROWS_WITH(tw::batches(dataset, {.size = 0}),
                    Catch::StartsWith("[batches] size must be at least 1, got 0 at batches_test.cpp:"));
  CHECK_THROWS_WITH(tw::batches(tw::Dataset(), {}),
                    Catch::StartsWith("[batches] the data set is empty at batches_test.cpp:"));
  CHECK_THROWS_WITH(tw::batches(dataset, {.count = -1}),
                    Catch::StartsWith("[batches] count must not be negative, got -1 at batches_test.cpp:"));
  CHECK_THROWS_WITH(tw::batches(dataset, {.skip = -2}),
                    Catch::StartsWith("[batches] skip must not be negative, got -2 at batches_test.cpp:"));
  CHECK_THROWS_WITH(tw::batches(dataset, {.replacement = true}),
                    Catch::StartsWith("[batches] replacement needs a random at batches_test.cpp:"));
  CHECK_THROWS_WITH(tw::batches(dataset, {.epoch = 1}),
                    Catch::StartsWith("[batches] an epoch needs a random at batches_test.cpp:"));
  CHECK_THROWS_WITH(tw::batches(dataset, {.size = 5, .random = random, .count = 3}),
                    Catch::StartsWith("[batches] count 3 is more than the 2 batches of one pass, which only "
                                      "replacement allows at batches_test.cpp:"));
}

TEST_CASE("accuracy: the share of rows whose largest element is the label's") {
  const tw::Tensor labels = {0, 1, 2, 1};
  const tw::Tensor logits = {{3., 1., 2.}, {1., 5., 0.}, {7., 0., 1.}, {0., 2., 2.}};
  CHECK(tw::accuracy(logits, labels) == 0.75);
  CHECK(tw::accuracy(logits.to(tw::f64), labels) == 0.75);
  CHECK(tw::accuracy(tw::Tensor{{1., NAN, 3.}}, tw::Tensor{1}) == 1);
  CHECK(std::isnan(tw::accuracy(tw::Tensor::zeros({0, 3}), tw::Tensor::zeros({0}, tw::i64))));
}

TEST_CASE("accuracy: what does not fit together") {
  const tw::Tensor logits = {{3., 1.}, {1., 5.}};
  CHECK_THROWS_WITH(
      tw::accuracy(logits, tw::Tensor{1, 0, 1}),
      Catch::StartsWith("[accuracy] expected logits (count, classes) and labels (count,), got (2, 2) and (3,)"));
  CHECK_THROWS_AS(tw::accuracy(logits, logits), tw::ShapeError);
  CHECK_THROWS_WITH(tw::accuracy(logits, tw::Tensor{1., 0.}),
                    Catch::StartsWith("[accuracy] expected f32 or f64 logits and i64 labels, got f32 and f32"));
}
