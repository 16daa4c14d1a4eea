#include <catch2/catch.hpp>

#include <algorithm>

#include <thalweg/error.hpp>
#include <thalweg/train/split.hpp>

namespace tw = thalweg;

namespace {

tw::Dataset numbered(int count) {
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return tw::Dataset(bytes, bytes, 1);
}

std::vector<std::int64_t> labels(const tw::Dataset& dataset) {
  const tw::Tensor all = dataset.all().labels;
  const auto values = all.data<std::int64_t>();
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("split: the last share in order, any share at random, each sample once") {
  const tw::Dataset dataset = numbered(10);
  const tw::Split ordered = tw::split(dataset, {.held_out = 0.3});
  CHECK(labels(ordered.train) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(labels(ordered.held_out) == std::vector<std::int64_t>{7, 8, 9});
  tw::Random random(0), again(0);
  const tw::Split drawn = tw::split(dataset, {.held_out = 0.2, .random = random});
  std::vector<std::int64_t> all = labels(drawn.train), held_out = labels(drawn.held_out);
  CHECK(held_out.size() == 2);
  all.insert(all.end(), held_out.begin(), held_out.end());
  CHECK(all != labels(dataset));
  std::sort(all.begin(), all.end());
  CHECK(all == labels(dataset));
  CHECK(labels(tw::split(dataset, {.held_out = 0.2, .random = again}).held_out) == held_out);
  CHECK(labels(tw::split(dataset, {.held_out = 0.2, .random = again}).held_out) != held_out);
}

TEST_CASE("split: shares that leave nothing on one side") {
  const tw::Dataset dataset = numbered(10);
  CHECK_THROWS_WITH(
      tw::split(dataset, {.held_out = 0.01}),
      Catch::StartsWith("[split] held_out 0.01 of 10 samples leaves nothing on one side at split_test.cpp:"));
  for (const double share : {0., 1., -0.2, 1.5})
    CHECK_THROWS_AS(tw::split(dataset, {.held_out = share}), tw::ValueError);
  CHECK_THROWS_AS(tw::split(tw::Dataset({}, {}, 1)), tw::ValueError);
}

TEST_CASE("shuffled and select: images go with their labels") {
  tw::Random random(3);
  const tw::Dataset dataset = tw::shuffled(numbered(50), random);
  const auto [images, labels] = dataset.all();
  for (std::int64_t i = 0; i < 50; ++i)
    CHECK(images.at<float>({i, 0}) == static_cast<float>(labels.at<std::int64_t>({i})) / 255.F);
  const std::vector<std::int64_t> twice = {3, 3}, beyond = {50};
  CHECK(dataset.select(twice).size() == 2);
  CHECK_THROWS_WITH(dataset.select(beyond),
                    Catch::StartsWith("[select] sample 50 is out of range for 50 samples at split_test.cpp:"));
}
