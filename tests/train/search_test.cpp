#include <catch2/catch.hpp>

#include <atomic>
#include <clocale>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <locale>
#include <set>
#include <sstream>

#include <thalweg/thalweg.hpp>

#include "tests/pool_size.hpp"

namespace tw = thalweg;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "thalweg-search-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
};

tw::SearchSpace two_rates() {
  tw::SearchSpace space;
  space.log_uniform("learning_rate", 1e-6, 1e-2).log_uniform("weight_decay", 1e-8, 1e-4);
  return space;
}

/// Best where the rate is near 1e-3.
tw::TrialResult judge(const tw::Candidate& candidate) {
  tw::Random random = candidate.random();
  std::vector<double> noise(2);
  tw::fill_uniform(std::span(noise), random.next_source());
  return {.score = -std::abs(std::log10(candidate["learning_rate"]) + 3) + 0.01 * noise[0],
          .curves = {{"noise", noise}}};
}

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

void check_same(const tw::Search& a, const tw::Search& b) {
  REQUIRE(a.ranked.size() == b.ranked.size());
  for (std::size_t i = 0; i < a.ranked.size(); ++i) {
    REQUIRE(a.ranked[i].number == b.ranked[i].number);
    REQUIRE(a.ranked[i].values == b.ranked[i].values);
    REQUIRE(a.ranked[i].result.score == b.ranked[i].result.score);
    REQUIRE(a.ranked[i].result.curves == b.ranked[i].result.curves);
  }
}

}  // namespace

TEST_CASE("random_search: log-uniform in the ranges, ranked, the same on any number of threads") {
  const tw::Search one = [] {
    const thalweg::testing::PoolSize threads(1);
    return tw::random_search(two_rates(), {.trials = 200, .seed = 4}, judge);
  }();
  const thalweg::testing::PoolSize threads(3);
  check_same(one, tw::random_search(two_rates(), {.trials = 200, .seed = 4}, judge));
  int below = 0;
  for (const tw::Trial& trial : one.ranked) {
    CHECK((trial["learning_rate"] >= 1e-6 && trial["learning_rate"] <= 1e-2));
    below += trial["learning_rate"] < 1e-4 ? 1 : 0;
  }
  CHECK((below > 70 && below < 130));  // the middle on a log scale
  CHECK(std::log10(one.ranked.front()["learning_rate"]) == Approx(-3).margin(0.1));
  CHECK(one.ranked.front().result.score > one.ranked.back().result.score);
  CHECK(tw::random_search(two_rates(), {.trials = 1, .seed = 5}, judge).ranked[0].values != one.ranked[0].values);
}

TEST_CASE("random_search: more trials begin with the same ones") {
  const tw::Search few = tw::random_search(two_rates(), {.trials = 3}, judge);
  const tw::Search more = tw::random_search(two_rates(), {.trials = 6}, judge);
  for (const tw::Trial& trial : few.ranked) {
    const auto same = std::find_if(more.ranked.begin(), more.ranked.end(),
                                   [&](const tw::Trial& other) { return other.number == trial.number; });
    REQUIRE(same != more.ranked.end());
    CHECK(same->values == trial.values);
  }
}

TEST_CASE("random_search: goes on from its log, to the same end") {
  const Folder folder;
  const fs::path log = folder.path / "search.tsv";
  const tw::SearchOptions options{.trials = 20, .seed = 1, .log = log};
  const tw::Search whole = tw::random_search(two_rates(), options, judge);
  CHECK(whole.resumed == 0);
  const std::string text = text_of(log);
  CHECK_THAT(text, Catch::StartsWith("# random search, seed 1: learning_rate log 1e-06 0.01, weight_decay log 1e-08 "
                                     "0.0001\ntrial\tscore\tlearning_rate\tweight_decay\tcurves\n"));

  // As after a crash: the last lines are lost, one of them half written.
  const std::size_t half = text.find('\n', text.size() / 2) + 9;
  std::ofstream(log, std::ios::trunc) << text.substr(0, half);
  std::atomic<int> tried = 0;
  const tw::Search resumed = tw::random_search(two_rates(), options, [&](const tw::Candidate& candidate) {
    ++tried;
    return judge(candidate);
  });
  CHECK(resumed.resumed > 5);
  CHECK(tried == 20 - resumed.resumed);
  check_same(whole, resumed);
  check_same(whole, tw::random_search(two_rates(), options, [](const tw::Candidate&) -> tw::TrialResult {
               throw tw::ValueError("nothing is left to try");
             }));
}

TEST_CASE("random_search: a log of another search, or none at all") {
  const Folder folder;
  const fs::path log = folder.path / "search.tsv";
  tw::random_search(two_rates(), {.trials = 2, .seed = 1, .log = log}, judge);
  const std::string before = text_of(log);
  CHECK_THROWS_WITH(tw::random_search(two_rates(), {.trials = 2, .seed = 2, .log = log}, judge),
                    Catch::Contains("is the log of another search") && Catch::Contains("seed 2"));
  CHECK_THROWS_AS(tw::grid_search(two_rates(), 2, {.seed = 1, .log = log}, judge), tw::IoError);
  CHECK(text_of(log) == before);
  CHECK_THROWS_AS(tw::random_search(two_rates(), {.trials = 2, .log = folder.path / "no" / "log"}, judge), tw::IoError);
  std::ofstream(log, std::ios::app) << "no trial\n";
  CHECK_THROWS_WITH(tw::random_search(two_rates(), {.trials = 2, .seed = 1, .log = log}, judge),
                    Catch::Contains("line 5 is not a trial: \"no trial\" at search_test.cpp:"));
}

TEST_CASE("edge case 32: numbers are read alike under every locale, and only where all of the text is one") {
  struct Comma : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
  };
  const Folder folder;
  const fs::path log = folder.path / "search.tsv";
  const tw::SearchOptions options{.trials = 2, .seed = 1, .log = log};
  const auto score_of = [&](const std::string& text) {
    fs::remove(log);
    tw::random_search(two_rates(), {.trials = 1, .seed = 1, .log = log}, judge);
    std::ofstream(log, std::ios::app) << "1\t" + text + "\t0.1\t0.2\t\n";
    for (const tw::Trial& trial : tw::random_search(two_rates(), options, judge).ranked)
      if (trial.number == 1) return trial.result.score;
    return std::numeric_limits<double>::quiet_NaN();
  };
  const auto check = [&] {
    CHECK(score_of("0.5") == 0.5);
    CHECK(score_of("1e-3") == 1e-3);
    CHECK(score_of("-2") == -2);
    CHECK(score_of(".5") == 0.5);
    for (const char* text : {"1,5", "1e-3x", "", "1_000", "0x1p3", " 1"}) CHECK_THROWS_AS(score_of(text), tw::IoError);
  };
  check();
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  const std::string c_before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8"})  // where one is installed
    if (std::setlocale(LC_ALL, name) != nullptr) break;
  check();
  std::setlocale(LC_ALL, c_before.c_str());
  std::locale::global(before);
}

TEST_CASE("random_search: NaN ranks last; the lowest score can be the best") {
  const auto score = [](const tw::Candidate& candidate) {
    return tw::TrialResult{.score = candidate.number == 1 ? std::numeric_limits<double>::quiet_NaN()
                                                          : static_cast<double>(candidate.number)};
  };
  const auto numbers = [](const tw::Search& search) {
    std::vector<std::int64_t> result;
    for (const tw::Trial& trial : search.ranked) result.push_back(trial.number);
    return result;
  };
  CHECK(numbers(tw::random_search(two_rates(), {.trials = 4}, score)) == std::vector<std::int64_t>{3, 2, 0, 1});
  CHECK(numbers(tw::random_search(two_rates(), {.trials = 4, .is_maximized = false}, score)) ==
        std::vector<std::int64_t>{0, 2, 3, 1});
}

TEST_CASE("random_search: a trial that throws, an interrupt") {
  const thalweg::testing::PoolSize threads(1);
  CHECK_THROWS_WITH(tw::random_search(two_rates(), {.trials = 4},
                                      [](const tw::Candidate& candidate) -> tw::TrialResult {
                                        if (candidate.number == 2) throw tw::ValueError("the second");
                                        return {};
                                      }),
                    "the second");
  const tw::Interrupt interrupt;
  const tw::Search search = tw::random_search(two_rates(), {.trials = 4}, [](const tw::Candidate& candidate) {
    if (candidate.number == 2) std::raise(SIGINT);
    return tw::TrialResult{};
  });
  CHECK(search.ranked.size() == 2);  // the one that was cut short does not count
  CHECK(search.missing == 2);
}

TEST_CASE("grid_search: every combination, the ends among them") {
  tw::SearchSpace space;
  space.log_uniform("rate", 1e-4, 1).uniform("share", 0, 1);
  const tw::Search search = tw::grid_search(
      space, 5, {}, [](const tw::Candidate& candidate) { return tw::TrialResult{.score = candidate["share"]}; });
  CHECK(search.ranked.size() == 25);
  std::set<std::string> rates;
  for (const tw::Trial& trial : search.ranked) rates.insert(std::to_string(trial["rate"]));
  CHECK(rates == std::set<std::string>{"0.000100", "0.001000", "0.010000", "0.100000", "1.000000"});
  CHECK(search.ranked.front()["share"] == 1);
  CHECK(search.ranked.back()["share"] == 0);
  CHECK_THROWS_AS(tw::grid_search(space, 1, {}, judge), tw::ValueError);
  CHECK_THROWS_AS(tw::grid_search(space, 10'000, {}, judge), tw::ValueError);
}

TEST_CASE("narrowed: what the best trials span") {
  const tw::SearchSpace space = two_rates();
  const tw::Search search = tw::random_search(space, {.trials = 100}, judge);
  const tw::SearchSpace fine = tw::narrowed(space, search, 10);
  const tw::SearchRange& rate = fine.ranges()[0];
  CHECK(rate.scale == tw::Scale::log);
  CHECK((rate.low > 1e-4 && rate.low < 1e-3 && rate.high > 1e-3 && rate.high < 1e-2));
  const tw::SearchSpace one = tw::narrowed(space, search, 1);
  CHECK(one.ranges()[0].low < search.ranked[0]["learning_rate"]);
  CHECK(one.ranges()[0].high > search.ranked[0]["learning_rate"]);
  CHECK_THROWS_AS(tw::narrowed(space, search, 101), tw::ValueError);
  CHECK_THROWS_AS(tw::narrowed(space, search, 0), tw::ValueError);
}

TEST_CASE("SearchSpace: ranges without meaning") {
  tw::SearchSpace space;
  CHECK_THROWS_WITH(space.log_uniform("rate", 0, 1),
                    Catch::StartsWith("[SearchSpace] rate: a log scale begins above 0, not at 0 at search_test.cpp:"));
  CHECK_THROWS_AS(space.uniform("", 0, 1), tw::ValueError);
  CHECK_THROWS_AS(space.uniform("a\tb", 0, 1), tw::ValueError);
  CHECK_THROWS_AS(space.uniform("rate", 2, 1), tw::ValueError);
  CHECK_THROWS_AS(space.uniform("rate", 0, std::numeric_limits<double>::infinity()), tw::ValueError);
  CHECK_THROWS_AS(tw::random_search(space, {}, judge), tw::ValueError);
  space.uniform("rate", 0, 1);
  CHECK_THROWS_AS(space.uniform("rate", 0, 1), tw::ValueError);
  CHECK_THROWS_AS(tw::random_search(space, {.trials = 0}, judge), tw::ValueError);
}
