// What a profile counts, and what a trace holds.
#include <thalweg/profile.hpp>

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

void train(Network& network, SGD& optimizer, int steps) {
  Random random;
  for (int step = 0; step < steps; ++step) {
    Tape tape;
    backward(softmax_cross_entropy(network.logits(noise({16, 8}, 1), 0, random), some_labels(16, 4, 2)));
    optimizer.step();
  }
}

const ProfileEntry& entry_of(const std::vector<ProfileEntry>& entries, const std::string& name) {
  for (const ProfileEntry& entry : entries)
    if (entry.name == name) return entry;
  FAIL("no entry " << name);
  return entries.front();
}

}  // namespace

TEST_CASE("Profiler: passes, ops and lines account for the same time, bytes and operations") {
  Network network({8, 32, 4}, false);
  SGD optimizer(network.registry);
  train(network, optimizer, 3);
  const Statistics before = statistics();
  Profiler profiler;
  train(network, optimizer, 10);
  const Statistics after = statistics();

  std::int64_t passes = 0, bytes = 0, flops = 0, flops_by_op = 0, allocations = 0;
  double seconds = 0, seconds_by_op = 0, seconds_by_line = 0;
  for (const ProfileEntry& entry : profiler.by_pass()) {
    passes += entry.calls;
    bytes += entry.bytes;
    flops += entry.flops;
    seconds += entry.seconds;
    allocations += entry.allocations;
  }
  for (const ProfileEntry& entry : profiler.by_op()) {
    flops_by_op += entry.flops;
    seconds_by_op += entry.seconds;
  }
  for (const ProfileEntry& entry : profiler.by_line()) seconds_by_line += entry.seconds;
  CHECK(passes == (after.matmuls - before.matmuls) + (after.sweeps - before.sweeps) +
                      (after.other_kernels - before.other_kernels));
  CHECK(bytes == after.bytes_moved - before.bytes_moved);
  CHECK(flops == flops_by_op);
  CHECK(allocations == 0);
  CHECK(seconds > 0);
  CHECK(seconds <= profiler.seconds());
  CHECK(seconds_by_op == Approx(seconds));
  CHECK(seconds_by_line == Approx(seconds));
  // Forward two products; backward one for each weight and one for the hidden layer's gradient.
  CHECK(entry_of(profiler.by_op(), "matmul").flops == 10 * 2 * (2 * 16 * 8 * 32 + 3 * 16 * 32 * 4));
  CHECK(profiler.table().find("matmul") != std::string::npos);
}

TEST_CASE("explain_plan: operations of each pass, and its mean time while a Profiler lives") {
  const auto product = [] {
    Tape tape;
    relu(matmul(noise({16, 8}, 1), noise({8, 4}, 2))).value();
    return explain_plan(tape);
  };
  const std::string plain = product();
  CHECK(plain.find(fmt::format(", {} operations\n", 2 * 16 * 8 * 4 + 16 * 4)) != std::string::npos);
  CHECK(plain.find("takes") == std::string::npos);
  const Profiler profiler;
  const std::string timed = product();
  CHECK_THAT(timed, Catch::Contains(" operations, takes ") && Catch::Contains("Gflop/s"));
}

TEST_CASE("Profiler: a Chrome trace, and one profiler a thread") {
  Network network({8, 32, 4}, false);
  SGD optimizer(network.registry);
  Profiler profiler;
  const std::string second = error_of<TapeError>([] { Profiler another; });
  CHECK(second == "[Profiler] this thread has a profiler already" + at(__LINE__ - 1));
  train(network, optimizer, 2);
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "thalweg_profile_test.json";
  profiler.write_trace(file);
  nlohmann::json trace;
  std::ifstream(file) >> trace;
  int requests = 0;
  double end_of_last = 0;
  for (const nlohmann::json& event : trace["traceEvents"]) {
    CHECK(event["ph"] == "X");
    CHECK(event["dur"].get<double>() >= 0);
    if (event["cat"] != "request") continue;
    ++requests;
    CHECK(event["ts"].get<double>() >= end_of_last);
    end_of_last = event["ts"].get<double>() + event["dur"].get<double>();
  }
  CHECK(requests == 4);  // backward and step, twice
  const std::string unwritten = error_of<IoError>([&] { profiler.write_trace("/nowhere/trace.json"); });
  CHECK(unwritten == "[write_trace] /nowhere/trace.json cannot be written" + at(__LINE__ - 1));
}
