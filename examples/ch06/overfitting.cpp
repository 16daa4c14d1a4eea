#include "examples/ch06/overfitting.hpp"

namespace ch06 {

void add_accuracies(report::Results& results, const std::string& name,
                    const std::vector<std::vector<Overfitted>>& seeds, std::size_t v, std::int64_t epoch) {
  const auto mean = [&](const auto& number_of) {
    return report::mean_over(seeds, [&](const std::vector<Overfitted>& seed) { return number_of(seed[v]); });
  };
  results.add(name, "train", mean([&](const Overfitted& net) { return net.history.at("train", epoch); }));
  results.add(name, "test", mean([&](const Overfitted& net) { return net.history.at("test", epoch); }));
  results.add(name, "gap", mean([&](const Overfitted& net) { return gap(net, epoch); }));
}

report::Panel accuracy_panel(const std::string& title, const Overfitted& net, std::int64_t epoch) {
  report::Panel panel{.title = title, .x = {"epoch"}, .y = {"accuracy", {{0, 1.05}}}};
  int style = 0;
  for (const char* metric : {"train", "test"}) {
    const std::vector<double>& all = net.history[metric];
    const std::vector<double> accuracy(all.begin(), all.begin() + epoch + 1);
    panel.curves.push_back({.label = metric, .x = report::counted(accuracy.size()), .y = accuracy, .style = style++});
  }
  return panel;
}

}  // namespace ch06
