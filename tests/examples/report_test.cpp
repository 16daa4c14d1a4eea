#include <catch2/catch.hpp>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include <thalweg/error.hpp>
#include <thalweg/threads.hpp>
#include <thalweg/train/dataset.hpp>

#include "examples/report/job.hpp"
#include "examples/report/options.hpp"

namespace fs = std::filesystem;
using report::Band;

namespace {

int runs = 0;

void measure(const report::Run& run, report::Results& results) {
  ++runs;
  results.add("SGD", "loss", 1.5);
  results.add("seeds", "", static_cast<double>(run.seeds.size()));
}

void miss(const report::Run&, report::Results& results) { results.add_statement("seeds with the stated order", 4, 5); }

void fail(const report::Run&, report::Results&) { throw thalweg::ValueError("out of luck"); }

void interrupt(const report::Run& run, report::Results& results) {
  const auto seeds = run.trials(1, results, [&](std::uint64_t seed, std::size_t) {
    if (seed == run.seeds[1]) std::raise(SIGINT);
    return static_cast<double>(seed);
  });
  results.add("mean", "", report::mean_over(seeds, [](const std::vector<double>& seed) { return seed[0]; }));
}

const report::Job job{
    .name = "page",
    .sections = {{.id = "6.1.3", .title = "paths", .covers = {"6.1.2", "6.1.3"}, .about = "Goes down.", .run = measure},
                 {.id = "6.1.8", .title = "training", .covers = {"6.1.8"}, .needs_data = true, .run = miss}},
    .bands = {{.section = "6.1.3", .data = "", .columns = {"loss"}, .rows = {{"SGD", {{1, 2}}}}}},
    .languages = {},
    .excerpts = {}};

std::optional<report::Options> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "job");
  return report::parse_options(static_cast<int>(arguments.size()), arguments.data(), job);
}

std::vector<std::string> chosen(const char* list) {
  std::vector<std::string> ids;
  const std::optional<report::Options> options = parse({"--sections", list});
  for (const report::Section& section : options->sections) ids.push_back(section.id);
  return ids;
}

int run_job(std::vector<const char*> arguments, const report::Job& what = job) {
  arguments.insert(arguments.begin(), "job");
  return report::run_job(static_cast<int>(arguments.size()), arguments.data(), what);
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
  CHECK(chosen("6.1.2") == std::vector<std::string>{"6.1.3"});
  CHECK(chosen("6.1.2,6.1.3") == std::vector<std::string>{"6.1.3"});
  CHECK(chosen("6.1.8,6.1.2").size() == 2);
  CHECK_THROWS_WITH(
      parse({"--sections", "6.1.8,9.9"}),
      Catch::StartsWith("--sections: there is no section \"9.9\"; there are\n") && Catch::Contains("6.1.8"));
  CHECK_THROWS_AS(parse({"--sections", "6.1."}), report::UsageError);
  CHECK_THROWS_AS(parse({"--sections", ""}), report::UsageError);
}

TEST_CASE("edge case 32: seeds and threads are whole numbers, a count of -1 an error") {
  CHECK(parse({})->seeds == std::vector<std::uint64_t>{0, 1, 2, 3, 4});
  CHECK(parse({"--seed", "7"})->seeds == std::vector<std::uint64_t>{7});
  CHECK(parse({"--seed=1,8-10"})->seeds == std::vector<std::uint64_t>{1, 8, 9, 10});
  CHECK(parse({"--threads", "2"})->threads == 2);
  for (const char* seed : {"-1", "", "1.5", "0x1", "4-0", "1-2-3", "1,,2", "18446744073709551616", "0-5000", "one",
                           "1_000", "1e3", " 1", "3,3", "0-4,2"})
    CHECK_THROWS_AS(parse({"--seed", seed}), report::UsageError);
  for (const char* threads : {"0", "-1", "257", "2.0", "", "1,5", "1e-3x", "1_0"})
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

TEST_CASE("report: a number outside its band that ten seeds explain is marked, and is no failure") {
  const std::vector<report::BandTable> bands = {
      {.section = "1", .data = "", .columns = {""}, .rows = {{"loss", {{1, 2}}}, {"error", {{1, 2}}}}},
      {.section = "1", .data = "", .columns = {""}, .rows = {{"loss", {{0, 9}}}}, .is_of_ten_seeds = true}};
  report::Results explained(5, bands), outside_both(5, bands), without(5, bands);
  explained.add("loss", "", 8);
  outside_both.add("loss", "", 9.5);
  without.add("error", "", 8);
  CHECK(explained.numbers()[0].inside() == false);
  CHECK(explained.all_inside());
  CHECK_THAT(explained.table(), Catch::Contains("0 of 1 inside") && Catch::Contains("outside: loss is 8") &&
                                    Catch::Contains("ten seeds of the book's program give 0 to 9"));
  CHECK_FALSE(outside_both.all_inside());
  CHECK_FALSE(without.all_inside());
  const Folder folder;
  report::write_results(folder.path, {.section = "1", .seeds = {0}}, explained);
  const report::SavedResults saved = report::read_results(folder.path);
  CHECK(saved.inside[0] == false);
  CHECK(saved.numbers[0].band->of_ten_seeds == std::pair{0., 9.});
}

TEST_CASE("report: a job writes its numbers, and says by its status whether all are inside") {
  const Folder folder;
  const std::string out = folder.path / "new" / "out";
  CHECK(run_job({"--sections", "6.1.2", "--out", out.c_str(), "--seed", "3"}) == 0);
  const auto json = nlohmann::json::parse(std::ifstream(fs::path(out) / "6.1.3" / "results.json"));
  CHECK(json["section"] == "6.1.3");
  CHECK(json["seed"] == 3);
  CHECK(json["numbers"][0]["name"] == "SGD, loss");
  CHECK(json["numbers"][0]["value"] == 1.5);
  CHECK(json["numbers"][0]["band"] == nlohmann::json{1, 2});  // from the job's tables
  CHECK(json["numbers"][0]["inside"].is_null());              // one seed is not judged
  CHECK(json["numbers"][1]["band"].is_null());
  CHECK(run_job({"--sections", "6.1.3", "--out", out.c_str()}) == 0);
  CHECK(nlohmann::json::parse(std::ifstream(fs::path(out) / "6.1.3" / "results.json"))["numbers"][0]["inside"] == true);
  CHECK(run_job({"--sections", "6.1.8", "--out", out.c_str()}) == 1);
}

TEST_CASE("report: a section that fails says why, and the others run") {
  const Folder folder;
  const std::string out = folder.path;
  report::Job two = job;
  two.sections = {{.id = "1", .title = "fails", .covers = {"1"}, .run = fail},
                  {.id = "2", .title = "measures", .covers = {"2"}, .run = measure}};
  CHECK(run_job({"--out", out.c_str(), "--seed", "0"}, two) == 1);
  CHECK(report::read_results(folder.path / "1").header.error == "out of luck");
  CHECK(report::read_results(folder.path / "2").header.error.empty());
}

TEST_CASE("report: a band that no number was compared with is a failure") {
  const Folder folder;
  const std::string out = folder.path;
  report::Job more = job;
  more.bands.push_back({.section = "6.1.3", .data = "", .columns = {"test"}, .rows = {{"Adam", {{0.9, 1}}}}});
  CHECK(run_job({"--out", out.c_str(), "--sections", "6.1.3"}, more) == 1);
  CHECK(report::read_results(folder.path / "6.1.3").header.error == "not measured: Adam, test");
}

TEST_CASE("report: after Ctrl-C, what there is of whole seeds, and what is missing") {
  const Folder folder;
  const std::string out = folder.path;
  report::Job two = job;
  two.bands = {};
  two.sections = {{.id = "1", .title = "is interrupted", .covers = {"1"}, .run = interrupt},
                  {.id = "2", .title = "comes no more", .covers = {"2"}, .run = measure}};
  CHECK(run_job({"--out", out.c_str(), "--seed", "4-9", "--threads", "1"}, two) == 130);
  const report::SavedResults saved = report::read_results(folder.path / "1");
  CHECK_FALSE(saved.is_complete);
  CHECK(saved.numbers[0].value == 4);
  CHECK(saved.notes[0] == "Interrupted: missing are the seeds 5, 6, 7, 8, 9.");
  CHECK_FALSE(fs::exists(folder.path / "2" / "results.json"));
  thalweg::set_thread_count(2);
}

TEST_CASE("report: a trial that two sections share is made once, and is the same to both") {
  report::Results results;
  std::atomic<int> made = 0;
  const auto trial = [&](std::uint64_t seed, std::size_t variant) {
    ++made;
    return 10 * seed + variant;
  };
  const report::Run run{.seeds = {3, 4}};
  CHECK(run.open_trials("plain") == 2);
  const auto first = run.trials(2, results, trial, {{0, "plain"}});
  CHECK(made == 4);
  CHECK(run.open_trials("plain") == 0);
  const report::Run later{.seeds = {3, 4, 5}, .common = run.common};
  CHECK(later.open_trials("plain") == 1);
  const auto second = later.trials(1, results, trial, {{0, "plain"}});
  CHECK(made == 5);
  CHECK(second == std::vector<std::vector<std::uint64_t>>{{30}, {40}, {50}});
  CHECK(first == std::vector<std::vector<std::uint64_t>>{{30, 31}, {40, 41}});
  CHECK(run.trials(1, results, trial)[0][0] == 30);  // not shared: made anew
  CHECK(made == 7);
}

TEST_CASE("report: the page shows a broken result as failed, a missing one as not run, and the others as they are") {
  const Folder folder;
  const std::string out = folder.path;
  report::Job both = job;
  both.languages = {
      {.language = "en",
       .title = "A chapter",
       .verdict = "{} of {}",
       .failed = "Failed.",
       .not_run = "Not run.",
       .run_with = "{} {} {} {}",
       .sections = {{.id = "6.1.3", .title = "Paths <i>down</i>", .seen = "The loss is {{SGD, loss|.2f}}."}}}};
  CHECK(run_job({"--out", out.c_str(), "--sections", "6.1.3"}, both) == 0);
  const auto page = [&] {
    CHECK(run_job({"--out", out.c_str(), "--page-only"}, both) == 0);
    std::ostringstream text;
    text << std::ifstream(folder.path / "page.html").rdbuf();
    return text.str();
  };
  CHECK_THAT(page(), Catch::Contains("The loss is 1.50.") && Catch::Contains("1 of 1") &&
                         Catch::Contains("<p class=\"not-run\">Not run.</p>") && !Catch::Contains("Failed."));
  std::ofstream(folder.path / "6.1.3" / "results.json") << "{\"section\": 3";
  CHECK_THAT(page(), Catch::Contains("is not a results file") && !Catch::Contains("The loss is"));
  CHECK(run_job({"--out", out.c_str(), "--sections", "6.1.3"}, both) == 0);
  nlohmann::json json = nlohmann::json::parse(std::ifstream(folder.path / "6.1.3" / "results.json"));
  json["numbers"][0]["value"] = "much";
  std::ofstream(folder.path / "6.1.3" / "results.json") << json;
  CHECK_THAT(page(), Catch::Contains("&quot;much&quot; is not a number"));
}

TEST_CASE("report: numbers in a text") {
  report::SavedResults results;
  results.numbers = {{.row = "SGD", .column = "loss", .value = 0.1234567},
                     {.row = "steps", .column = "", .value = 2000},
                     {.row = "x", .column = "", .value = -0.35}};
  CHECK(report::filled("a {{SGD, loss|.1%}} b {{SGD, loss}} {{steps|.0f}}", results) == "a 12.3% b 0.1235 2000");
  CHECK(report::filled("at {{x|.3f}}", results) == "at −0.350");
  CHECK_THROWS_AS(report::filled("{{Adam, loss}}", results), thalweg::IoError);
}

TEST_CASE("report: NaN and infinity pass through a results file") {
  const Folder folder;
  report::Results results;
  results.add("a", "", NAN);
  results.add("b", "", INFINITY);
  report::write_results(folder.path, {.section = "1", .seeds = {0}}, results);
  const report::SavedResults saved = report::read_results(folder.path);
  CHECK(std::isnan(saved.numbers[0].value));
  CHECK(saved.numbers[1].value == INFINITY);
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
  CHECK(run_job({"--out", out.c_str(), "--language", "de"}, [] {
          report::Job spoken = job;
          spoken.languages = {{.language = "en"}, {.language = "ko"}};
          return spoken;
        }()) == 2);
  CHECK(run_job({"--help"}) == 0);
  CHECK(run_job({"--help", "--sections", "6.1.3"}) == 0);
  CHECK(runs == 0);
  CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("report: smoothing keeps a constant and lies between neighbors") {
  CHECK(report::smoothed(std::vector<double>(20, 3.0))[0] == Approx(3));
  const auto smooth = report::smoothed({0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
  CHECK(smooth.size() == 14);
  CHECK((smooth[7] > 0.4 && smooth[7] < 0.6));
}

TEST_CASE("report: every kind of figure becomes an SVG and a PNG") {
  const Folder folder;
  const fs::path stem = folder.path / "it's \"a\" `figure`";
  const report::Panel curves{
      .title = "'a' \"title\"_b \\n `false`",
      .x = {"x", std::nullopt, true},
      .y = {"y", {{0, 1}}, false, {0, 0.5}},
      .curves = {{.label = "one", .x = {1, 2}, .y = {0, 1}},
                 {.label = "two", .x = {1}, .y = {0.5}, .mark = report::Mark::points},
                 {.label = "", .x = {1}, .y = {1}, .dx = {1}, .dy = {-1}, .mark = report::Mark::arrows},
                 report::histogram({1, 1.2, 1.9}, 2, 1, 2)}};
  const report::Panel map{.title = "map",
                          .x = {"rate"},
                          .y = {""},
                          .heat_map = report::HeatMap{.columns = {"a", "b"},
                                                      .rows = {"c"},
                                                      .values = {{0.1, NAN}},
                                                      .unit = "loss",
                                                      .range = {{0, 1}},
                                                      .shows_numbers = true}};
  const report::Panel surface{
      .title = "surface",
      .x = {"x"},
      .y = {"y"},
      .curves = {{.label = "path", .x = {0, 1}, .y = {0, 1}, .z = {0, 2}}},
      .surface = report::Surface{.x = {0, 1}, .y = {0, 1}, .z = {{0, 1}, {1, 2}}, .label = "z"}};
  report::draw({.panels = {curves, map, surface}, .columns = 3}, stem);
  CHECK(fs::file_size(stem.string() + ".svg") > 1000);
  CHECK(fs::file_size(stem.string() + ".png") > 1000);
}

TEST_CASE("report: a histogram has shares of all values, the ends included") {
  const report::Curve bars = report::histogram({0, 0.1, 0.9, 1, 5}, 2, 0, 1);
  CHECK(bars.x == std::vector<double>{0.25, 0.75});
  CHECK(bars.y == std::vector<double>{0.4, 0.4});
}
