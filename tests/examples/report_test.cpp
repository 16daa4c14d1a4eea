#include <catch2/catch.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include <thalweg/train/dataset.hpp>

#include "examples/report/job.hpp"
#include "examples/report/options.hpp"

namespace fs = std::filesystem;
using report::Band;

namespace {

int runs = 0;

void measure(const report::Run& run, report::Results& results) {
  ++runs;
  results.add({.row = "SGD", .column = "loss", .value = 1.5, .band = Band{1, 2}});
  results.add({.row = "seconds", .column = "", .value = static_cast<double>(run.seeds.size())});
}

void miss(const report::Run&, report::Results& results) { results.add_statement("seeds with the stated order", 4, 5); }

const std::vector<report::Section> sections = {
    {.id = "6.1.2-6.1.6", .title = "paths", .covers = {"6.1.2", "6.1.3", "6.1.4", "6.1.5", "6.1.6"}, .run = measure},
    {.id = "6.1.8", .title = "training", .covers = {"6.1.8"}, .needs_data = true, .run = miss},
};

std::optional<report::Options> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "job");
  return report::parse_options(static_cast<int>(arguments.size()), arguments.data(), sections);
}

std::vector<std::string> chosen(const char* list) {
  std::vector<std::string> ids;
  const std::optional<report::Options> options = parse({"--sections", list});
  for (const report::Section& section : options->sections) ids.push_back(section.id);
  return ids;
}

int run_job(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "job");
  return report::run_job(static_cast<int>(arguments.size()), arguments.data(), sections);
}

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "thalweg-report-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
};

}  // namespace

TEST_CASE("report: a band is widened by its own width, and at least by what its kind says") {
  CHECK(report::is_inside(0.9, Band{1, 1.2}));
  CHECK(report::is_inside(1.4, Band{1, 1.2}));
  CHECK_FALSE(report::is_inside(0.79, Band{1, 1.2}));
  CHECK_FALSE(report::is_inside(1.41, Band{1, 1.2}));
  CHECK(report::is_inside(0.951, Band{1, 1.001}));  // 5 %
  CHECK_FALSE(report::is_inside(0.949, Band{1, 1.001}));
  CHECK(report::is_inside(0.9426, Band{0.9326, 0.9333, Band::Kind::accuracy}));
  CHECK_FALSE(report::is_inside(0.9444, Band{0.9326, 0.9333, Band::Kind::accuracy}));
  CHECK_FALSE(report::is_inside(1.001, Band{0, 1, Band::Kind::exact}));
  CHECK_FALSE(report::is_inside(std::nan(""), Band{0, 1}));
}

TEST_CASE("report: sections by number, by chapter part, or all") {
  CHECK(chosen("all").size() == 2);
  CHECK(chosen("6.1").size() == 2);
  CHECK(chosen("6.1.4") == std::vector<std::string>{"6.1.2-6.1.6"});
  CHECK(chosen("6.1.2-6.1.6,6.1.3") == std::vector<std::string>{"6.1.2-6.1.6"});
  CHECK(chosen("6.1.8,6.1.2").size() == 2);
  CHECK_THROWS_WITH(
      parse({"--sections", "6.1.8,9.9"}),
      Catch::StartsWith("--sections: there is no section \"9.9\"; there are\n") && Catch::Contains("6.1.8"));
  CHECK_THROWS_AS(parse({"--sections", "6.1."}), report::UsageError);
  CHECK_THROWS_AS(parse({"--sections", ""}), report::UsageError);
}

TEST_CASE("report: seeds and threads") {
  CHECK(parse({})->seeds == std::vector<std::uint64_t>{0, 1, 2, 3, 4});
  CHECK(parse({"--seed", "7"})->seeds == std::vector<std::uint64_t>{7});
  CHECK(parse({"--seed=1,8-10"})->seeds == std::vector<std::uint64_t>{1, 8, 9, 10});
  CHECK(parse({"--threads", "2"})->threads == 2);
  for (const char* seed : {"-1", "", "1.5", "0x1", "4-0", "1-2-3", "1,,2", "18446744073709551616", "0-5000", "one"})
    CHECK_THROWS_AS(parse({"--seed", seed}), report::UsageError);
  for (const char* threads : {"0", "-1", "257", "2.0", ""})
    CHECK_THROWS_AS(parse({"--threads", threads}), report::UsageError);
  CHECK_THROWS_AS(parse({"--sed", "1"}), report::UsageError);
  CHECK_THROWS_AS(parse({"--se", "1"}), report::UsageError);
  CHECK_THROWS_AS(parse({"6.1.8"}), report::UsageError);
}

TEST_CASE("report: a mean's band judges means over five seeds, a stated bound any number") {
  const report::Number outside{.row = "loss", .column = "", .value = 9, .band = Band{1, 2}};
  report::Results all, few(4);
  all.add(outside);
  few.add(outside);
  CHECK(all.numbers()[0].inside() == false);
  CHECK_FALSE(all.all_inside());
  CHECK(few.numbers()[0].inside() == std::nullopt);
  CHECK(few.all_inside());
  CHECK_THAT(few.table(), Catch::Contains("0 of 0 inside their bands (those of means are for 5 seeds or more"));
  few.add_statement("seeds in order", 3, 4);
  CHECK_FALSE(few.all_inside());
}

TEST_CASE("report: a job writes its numbers, and says by its status whether all are inside") {
  const Folder folder;
  const std::string out = folder.path / "new" / "out";
  CHECK(run_job({"--sections", "6.1.3", "--out", out.c_str(), "--seed", "3"}) == 0);
  const fs::path file = fs::path(out) / "6.1.2-6.1.6" / "results.json";
  const auto json = nlohmann::json::parse(std::ifstream(file));
  CHECK(json["section"] == "6.1.2-6.1.6");
  CHECK(json["seed"] == 3);
  CHECK(json["numbers"][0] ==
        nlohmann::json{{"name", "SGD, loss"}, {"value", 1.5}, {"band", {1, 2}}, {"inside", nullptr}});
  CHECK(json["numbers"][1] ==
        nlohmann::json{{"name", "seconds"}, {"value", 1.0}, {"band", nullptr}, {"inside", nullptr}});
  CHECK(run_job({"--sections", "6.1.8", "--out", out.c_str()}) == 1);
}

TEST_CASE("report: what cannot be done ends with status 2 before anything is run or written") {
  const Folder folder;
  const std::string out = folder.path, file = folder.path / "file", below = file + "/below";
  std::ofstream(file) << "a file, not a folder";
  runs = 0;
  CHECK(run_job({"--out", out.c_str(), "--data", out.c_str()}) == 2);
  CHECK(run_job({"--out", below.c_str()}) == 2);
  CHECK(run_job({"--out", out.c_str(), "--sections", "5.1"}) == 2);
  CHECK(run_job({"--out", out.c_str(), "--seed", "none"}) == 2);
  CHECK(run_job({"--help"}) == 0);
  CHECK(runs == 0);
  CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("report: smoothing keeps a constant and lies between neighbours") {
  CHECK(report::smoothed(std::vector<double>(20, 3.0))[0] == Approx(3));
  const auto smooth = report::smoothed({0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
  CHECK(smooth.size() == 14);
  CHECK((smooth[7] > 0.4 && smooth[7] < 0.6));
}

TEST_CASE("report: a figure becomes an SVG and a PNG") {
  const Folder folder;
  const fs::path stem = folder.path / "it's \"a\" `figure`";
  report::draw({.panels = {{.title = "'a' \"title\"_b \\n `false`",
                            .x = {"x"},
                            .y = {"y", {{0, 1}}},
                            .curves = {{"one", {0, 1}, {0, 1}}}}}},
               stem);
  CHECK(fs::file_size(stem.string() + ".svg") > 1000);
  CHECK(fs::file_size(stem.string() + ".png") > 1000);
}
