// 6.5.1–6.5.3: a validation set, and a random search for learning rate and weight decay: 100 trials, then a second, narrower
// round.

#include <algorithm>
#include <cmath>

#include "examples/ch06/network.hpp"
#include "examples/ch06/sections.hpp"
#include "examples/ch06/training.hpp"

namespace ch06 {

namespace {

constexpr std::int64_t trials = 100, narrow_trials = 40, epochs = 50;
constexpr std::int64_t steps = 4 * (epochs - 1) + 1;

/// One trial: trains with the candidate's rate and decay; its score is the accuracy on the validation set.
// [excerpt]
tw::TrialResult try_out(const tw::Candidate& candidate, const tw::Split& samples, bool is_drawn,
                        tw::Progress& progress) {
  const std::uint64_t seed = candidate.seed * 100'003 + static_cast<std::uint64_t>(candidate.number);
  MultiLayerNet net({.sizes = mnist_sizes(6), .seed = seed, .weight_decay = candidate["weight decay"]});
  tw::SGD optimizer(net.registry, {.learning_rate = candidate["learning rate"]});
  tw::Trainer trainer(net, optimizer, as_in_the_book(seed, epochs, is_drawn ? 1 : epochs, progress));
  trainer.measure_accuracy(net, {{"validation", samples.held_out.all()}});
  if (is_drawn) trainer.measure_accuracy(net, {{"training", samples.train.all()}});
  const tw::History history = trainer.fit(samples.train);
  return {.score = history.at("validation", epochs - 1), .curves = history.metrics};
}

tw::SearchSpace wide_space() {
  tw::SearchSpace space;
  space.log_uniform("learning rate", 1e-6, 1e-2).log_uniform("weight decay", 1e-8, 1e-4);
  return space;
}
// [/excerpt]

double correlation(const tw::Search& search, const char* parameter) {
  std::vector<double> x, y;
  for (const tw::Trial& trial : search.ranked) {
    x.push_back(std::log(trial[parameter]));
    y.push_back(trial.result.score);
  }
  const double mean_x = report::mean(x), mean_y = report::mean(y);
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return xy / std::sqrt(xx * yy);
}

std::vector<const tw::Trial*> above_half(const tw::Search& search) {
  std::vector<const tw::Trial*> good;
  for (const tw::Trial& trial : search.ranked)
    if (trial.result.score >= 0.5) good.push_back(&trial);
  return good;
}

double lowest_good_rate(const tw::Search& search) {
  double lowest = 1;
  for (const tw::Trial* trial : above_half(search)) lowest = std::min(lowest, (*trial)["learning rate"]);
  return lowest;
}

/// The best 20 trials, 4 × 5.
report::Figure best_panels(const tw::Search& search) {
  report::Figure figure{
      .panels = {},
      .columns = 5,
      .caption =
          "The best 20 trials, with learning rate η and weight decay λ: accuracy on the validation set (solid) and in "
          "training (dashed)",
      .panel_width = 290,
      .panel_height = 230,
      .has_one_legend = true,
      .legend = "top right"};
  for (std::size_t i = 0; i < std::min<std::size_t>(20, search.ranked.size()); ++i) {
    const tw::Trial& trial = search.ranked[i];
    report::Panel panel{
        .title = fmt::format("{}: η {:.2g}, λ {:.0e}", i + 1, trial["learning rate"], trial["weight decay"]),
        .x = {i >= 15 ? "epoch" : "", {{0, epochs - 1}}, false, {0, 20, 40}},
        .y = {i % 5 == 0 ? "accuracy" : "", {{0, 1}}}};
    int style = 0;
    for (const auto& [name, values] : trial.result.curves)
      panel.curves.push_back({.label = name, .x = report::counted(values.size()), .y = values, .style = style++});
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

report::Panel scatter(const std::string& title, const tw::Search& search) {
  report::Panel panel{
      .title = title, .x = {"learning rate", std::nullopt, true}, .y = {"validation accuracy", {{0, 1}}}};
  report::Curve points{.label = "", .x = {}, .y = {}, .mark = report::Mark::points};
  for (const tw::Trial& trial : search.ranked) {
    points.x.push_back(trial["learning rate"]);
    points.y.push_back(trial.result.score);
  }
  panel.curves.push_back(std::move(points));
  return panel;
}

void add_ranking(const tw::Search& search, report::Results& results) {
  for (std::size_t i = 0; i < std::min<std::size_t>(20, search.ranked.size()); ++i) {
    const tw::Trial& trial = search.ranked[i];
    const std::string row = fmt::format("rank {}", i + 1);
    results.add(row, "validation", trial.result.score);
    for (const auto& [name, value] : trial.values) results.add(row, name, value);
  }
}

/// A log that is kept while a search is not done, so that an interrupted one goes on where it ended.
struct Log {
  std::filesystem::path file, done;
  Log(const std::filesystem::path& folder, const std::string& name)
      : file(folder / (name + ".unfinished.tsv")), done(folder / (name + ".tsv")) {}
  void close() const { std::filesystem::rename(file, done); }
};

}  // namespace

void search(const report::Run& run, report::Results& results) {
  const tw::Dataset all = run.mnist->train.first(500);
  tw::Progress progress("6.5", (trials * static_cast<std::int64_t>(run.seeds.size()) + narrow_trials) * steps);
  const auto split = [&](std::uint64_t seed) {
    tw::Random random(seed);
    return tw::split(all, {.held_out = 0.2, .random = random});
  };
  std::vector<tw::Search> searches;
  for (const std::uint64_t seed : run.seeds) {
    const tw::Split samples = split(seed);
    const Log log(run.folder, fmt::format("trials_seed{}", seed));
    tw::Search found = tw::random_search(
        wide_space(), {.trials = trials, .seed = seed, .log = log.file},
        [&](const tw::Candidate& candidate) { return try_out(candidate, samples, run.is_first(seed), progress); });
    if (found.resumed > 0) fmt::print(stderr, "6.5: {} trials of seed {} come from its log\n", found.resumed, seed);
    if (found.missing > 0) {
      if (searches.empty()) throw report::Interrupted();
      results.add_missing(fmt::format("Interrupted: missing are the seeds from {} on; their trials are in {}.", seed,
                                      log.file.filename().string()));
      break;
    }
    log.close();
    searches.push_back(std::move(found));
  }
  const auto mean = [&](const auto& number_of) { return report::mean_over(searches, number_of); };
  results.add("best validation accuracy", "", mean([](const tw::Search& s) { return s.ranked[0].result.score; }));
  results.add("its learning rate", "", mean([](const tw::Search& s) { return s.ranked[0]["learning rate"]; }));
  results.add("trials that reach .5", "",
              mean([](const tw::Search& s) { return static_cast<double>(above_half(s).size()); }));
  results.add("lowest learning rate among these", "", mean(lowest_good_rate));
  results.add("correlation of accuracy with log learning rate", "",
              mean([](const tw::Search& s) { return correlation(s, "learning rate"); }));
  results.add("correlation of accuracy with log weight decay", "",
              mean([](const tw::Search& s) { return correlation(s, "weight decay"); }));
  add_ranking(searches[0], results);
  results.add_figure("best_trials", best_panels(searches[0]));
  report::Figure rounds{
      .panels = {scatter("First round: 100 trials", searches[0])},
      .columns = 2,
      .caption = "Validation accuracy by learning rate: the first round, and the second, narrower one",
      .panel_width = 520,
      .panel_height = 380};

  if (results.is_complete()) {
    const std::uint64_t seed = run.seeds.front();
    const tw::Split samples = split(seed);
    const tw::SearchSpace narrow = tw::narrowed(wide_space(), searches[0], 10);
    const Log log(run.folder, "trials_narrow");
    const tw::Search second =
        tw::random_search(narrow, {.trials = narrow_trials, .seed = seed + 1, .log = log.file},
                          [&](const tw::Candidate& candidate) { return try_out(candidate, samples, false, progress); });
    if (second.missing > 0) {
      results.add_missing("Interrupted: missing is the second round.");
    } else {
      log.close();
      results.add("second round, lowest learning rate", "", narrow.ranges()[0].low);
      results.add("second round, highest learning rate", "", narrow.ranges()[0].high);
      results.add("second round, best validation accuracy", "", second.ranked[0].result.score);
      results.add("second round, median validation accuracy", "", second.ranked[second.ranked.size() / 2].result.score);
      results.add("first round, median validation accuracy", "",
                  searches[0].ranked[searches[0].ranked.size() / 2].result.score);
      rounds.panels.push_back(scatter(fmt::format("Second round: {} trials", narrow_trials), second));
    }
  }
  results.add_figure("rounds", std::move(rounds));
}

}  // namespace ch06
