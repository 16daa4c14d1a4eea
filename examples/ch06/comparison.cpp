#include "examples/ch06/comparison.hpp"

#include <numeric>

namespace ch06 {

double block_loss(const tw::History& training, int block) {
  constexpr int size = 100;
  const auto begin = training.losses.begin() + block * size;
  return std::accumulate(begin, begin + size, 0.0) / size;
}

void add_row(report::Results& results, const std::string& name, const std::vector<Histories>& seeds, std::size_t v,
             const std::vector<int>& blocks) {
  for (const int block : blocks) {
    results.add(name, fmt::format("{}–{}", 100 * block, 100 * block + 99),
                report::mean_over(seeds, [&](const Histories& seed) { return block_loss(seed[v], block); }));
  }
  results.add(name, "test", report::mean_over(seeds, [&](const Histories& seed) { return seed[v]["test"].back(); }));
}

report::Panel loss_panel(const std::string& title, const std::vector<std::string>& names, const Histories& trainings,
                         double highest) {
  report::Panel panel{.title = title, .x = {"iteration"}, .y = {"loss", {{0, highest}}}};
  for (std::size_t v = 0; v < names.size(); ++v) {
    const std::vector<double>& losses = trainings[v].losses;
    panel.curves.push_back({.label = names[v], .x = report::counted(losses.size()), .y = report::smoothed(losses)});
  }
  return panel;
}

}  // namespace ch06
