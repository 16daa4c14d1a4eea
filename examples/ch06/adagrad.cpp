// 6.1.5: AdaGrad gives each parameter a rate that shrinks with the slopes it has seen; RMSProp forgets old ones; AdaDelta
// does without a rate.

#include "examples/ch06/sections.hpp"
#include "examples/ch06/valley.hpp"

namespace tw = thalweg;

namespace ch06 {

void adagrad(const report::Run&, report::Results& results) {
  // [excerpt]
  const std::vector<std::pair<std::string, Path>> paths = {{"AdaGrad", descend<tw::AdaGrad>(1.5)},
                                                           {"RMSProp", descend<tw::RMSProp>(0.1)},
                                                           {"AdaDelta", descend<tw::AdaDelta>(1)}};
  // [/excerpt]
  for (const auto& [name, path] : paths) add_path(results, name, path);

  // AdaDelta's steps begin at about √ε: how long until it is under way?
  constexpr int patience = 20'000;
  const Path slow = descend<tw::AdaDelta>(1, patience);
  int arrival = 0;
  while (arrival < patience &&
         height(slow.x[static_cast<std::size_t>(arrival)], slow.y[static_cast<std::size_t>(arrival)]) > 0.1)
    ++arrival;
  results.add("steps until AdaDelta is below f = 0.1", "", arrival);

  report::Figure figure = path_panels(paths, "Paths of AdaGrad, RMSProp and AdaDelta, 30 steps each");
  report::Panel rates{.title = "How far a step goes", .x = {"step"}, .y = {"length of the step", std::nullopt, true}};
  for (const auto& [name, path] : paths) {
    report::Curve curve{.label = name, .x = {}, .y = {}, .style = name == "AdaGrad" ? 2 : name == "RMSProp" ? 4 : 6};
    for (std::size_t t = 1; t < path.x.size(); ++t) {
      curve.x.push_back(static_cast<double>(t));
      curve.y.push_back(std::hypot(path.x[t] - path.x[t - 1], path.y[t] - path.y[t - 1]));
    }
    rates.curves.push_back(curve);
  }
  figure.panels.push_back(rates);
  results.add_figure("paths", figure);
}

}  // namespace ch06
