#include <thalweg/monitor.hpp>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "src/graph/event_file.hpp"
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

std::filesystem::path empty_folder(const char* name) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / name;
  std::filesystem::remove_all(folder);
  return folder;
}

const Observation& observed(const Monitor& monitor, const std::string& name) {
  for (const Observation& seen : monitor.last())
    if (seen.name == name) return seen;
  FAIL("nothing observed of " << name);
  return monitor.last().front();
}

std::string content(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("Monitor: values by scope, gradients and parameters by name") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("affine1.weight", Initializer(Tensor{{1., -1.}, {0., -2.}}));
  const std::filesystem::path folder = empty_folder("thalweg_monitor_test");
  std::filesystem::create_directories(folder);
  Monitor monitor(registry,
                  {.values = {"layer*"}, .gradients = {"*.weight"}, .parameters = {"*"}, .csv = folder / "run.csv"});
  for (int step = 0; step < 2; ++step) {
    Tape tape;
    Var hidden;
    {
      const Scope scope("layer1");
      hidden = relu(matmul(Tensor{{1., 2.}, {3., 4.}}, weight));  // the second unit is dead
    }
    backward(sum(hidden));
    monitor.observe(tape, step);
  }
  const Observation& value = observed(monitor, "value/layer1");
  CHECK(value.step == 1);
  CHECK(value.minimum == 0);
  CHECK(value.maximum == 3);
  CHECK(value.mean == 1);
  CHECK(value.dead_share == 0.5);
  CHECK(value.counts.front() == 2);
  CHECK(value.counts.back() == 1);
  CHECK(observed(monitor, "gradient/affine1.weight").maximum == 6);
  CHECK(observed(monitor, "parameter/affine1.weight").minimum == -2);
  const std::string csv = content(folder / "run.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 1 + 2 * 3);
  CHECK_THAT(csv, Catch::Contains("\n1,value/layer1,4,0,0,3,1,1.22474487,0.5\n"));
}

TEST_CASE("Monitor: mistakes") {
  ParameterRegistry registry;
  registry.add("weight", ones({2}));
  const std::string never = error_of<ValueError>([&] { Monitor(registry, {.every = 0}); });
  CHECK(never == "[Monitor] every = 0: must be at least 1" + at(__LINE__ - 1));
  const std::string unwritten = error_of<IoError>([&] { Monitor(registry, {.csv = "/nowhere/run.csv"}); });
  CHECK(unwritten == "[Monitor] /nowhere/run.csv cannot be written" + at(__LINE__ - 1));
  Monitor monitor(registry, {.gradients = {"bias*"}});
  Tape tape;
  const std::string unmatched = error_of<ValueError>([&] { monitor.observe(tape, 0); });
  CHECK(unmatched == "[Monitor] no parameter matches \"bias*\"" + at(__LINE__ - 1));
}

TEST_CASE("EventFile: the checksum, and records that hold together") {
  CHECK(internal::crc32c("123456789") == 0xE3069283u);  // the check value of CRC-32C (RFC 3720, B.4)
  const std::filesystem::path folder = empty_folder("thalweg_event_test");
  {
    internal::EventFile events(folder);
    events.scalar("loss", 0.5, 3);
    const std::vector<double> limits = {1, 2}, counts = {4, 1};
    events.histogram("value/x", {0, 2, 5, 3, 4, limits, counts}, 3);
  }
  const std::string bytes = content(std::filesystem::directory_iterator(folder)->path());
  std::size_t at = 0;
  int records = 0;
  while (at < bytes.size()) {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data() + at, sizeof length);
    REQUIRE(at + length + 16 <= bytes.size());
    const std::string event = bytes.substr(at + 12, length);
    std::uint32_t sum = 0;
    std::memcpy(&sum, bytes.data() + at + 12 + length, sizeof sum);
    CHECK(sum == std::rotr(internal::crc32c(event), 15) + 0xA282EAD8u);
    at += length + 16;
    ++records;
  }
  CHECK(records == 3);
  CHECK_THAT(bytes, Catch::Contains("brain.Event:2") && Catch::Contains("loss"));
}
