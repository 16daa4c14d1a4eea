#include "src/tape/segment.hpp"

#include <deque>

#include <catch2/catch.hpp>

using thalweg::internal::Segment;
using thalweg::internal::SegmentTable;

TEST_CASE("segment table: each is found by its hash, and told from others of the same hash") {
  SegmentTable table;
  CHECK(table.find(0, [](const Segment&) { return true; }) == nullptr);
  std::deque<Segment> segments;
  const auto hash_of = [](std::int32_t i) { return static_cast<std::uint64_t>(i % 17) << (i % 3 * 20); };
  constexpr std::int32_t count = 1000;
  for (std::int32_t i = 0; i < count; ++i) table.insert(hash_of(i), &segments.emplace_back(nullptr, i));
  for (std::int32_t i = 0; i < count; ++i) {
    CHECK(table.find(hash_of(i), [&](const Segment& segment) { return segment.base == i; }) ==
          &segments[static_cast<std::size_t>(i)]);
    CHECK(table.find(hash_of(i) + 100, [](const Segment&) { return true; }) == nullptr);
    bool is_of_hash = true;  // no other is asked about
    table.find(hash_of(i), [&](const Segment& segment) {
      is_of_hash = is_of_hash && hash_of(segment.base) == hash_of(i);
      return false;
    });
    CHECK(is_of_hash);
  }
}
