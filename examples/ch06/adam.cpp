// 6.1.6: Adam, which is Momentum with AdaGrad's rates; and all paths together, on the map and on the surface.

#include <cmath>

#include "examples/ch06/sections.hpp"
#include "examples/ch06/valley.hpp"

namespace tw = thalweg;

namespace ch06 {

namespace {

using Paths = std::vector<std::pair<std::string, Path>>;

report::Panel surface_panel(const Paths& paths) {
  report::Surface surface{.x = {}, .y = {}, .z = {}, .label = "f(x, y)"};
  for (double x = -10; x <= 10; x += 0.5) surface.x.push_back(x);
  for (double y = -3; y <= 3; y += 0.2) surface.y.push_back(y);
  for (const double x : surface.x) {
    std::vector<double>& row = surface.z.emplace_back();
    for (const double y : surface.y) row.push_back(height(x, y));
  }
  report::Panel panel{
      .title = "f(x, y) = x²/20 + y²", .x = {"x", {{-10, 10}}}, .y = {"y", {{-3, 3}}}, .surface = std::move(surface)};
  for (report::Curve& curve : contour_panel("", paths).curves) {
    if (curve.mark == report::Mark::backdrop) continue;
    for (std::size_t i = 0; i < curve.x.size(); ++i) curve.z.push_back(height(curve.x[i], curve.y[i]) + 0.1);
    panel.curves.push_back(std::move(curve));
  }
  return panel;
}

}  // namespace

void adam(const report::Run&, report::Results& results) {
  // [excerpt]
  const Paths paths = {{"SGD", descend<tw::SGD>(0.95)},
                       {"Momentum", descend<tw::Momentum>(0.1)},
                       {"AdaGrad", descend<tw::AdaGrad>(1.5)},
                       {"Adam", descend<tw::Adam>(0.3)}};
  // [/excerpt]
  add_path(results, "Adam", paths.back().second);
  double highest = 0;
  for (const auto& [name, path] : paths) {
    const double end = height(path.x.back(), path.y.back());
    if (name != "Adam") results.add(name, "f after 30", end);
    highest = std::max(highest, end);
  }
  results.add_statement("Adam is the highest of the four after 30 steps",
                        height(paths.back().second.x.back(), paths.back().second.y.back()) == highest ? 1 : 0, 1);
  results.add_figure("paths", path_panels(paths, "Paths of SGD, Momentum, AdaGrad and Adam, 30 steps each"));
  results.add_figure("together", {.panels = {contour_panel("Four optimizers on x²/20 + y²", paths)},
                                  .caption = "The four paths on one map"});
  results.add_figure("surface", {.panels = {surface_panel(paths)},
                                 .caption = "The valley in three dimensions, with the four paths on it",
                                 .panel_height = 560});
}

}  // namespace ch06
