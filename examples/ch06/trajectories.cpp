// 6.1.2–6.1.6: how SGD, Momentum, AdaGrad and Adam go down f(x, y) = x²/20 + y², a valley that is steep across and
// almost flat along. SGD swings from side to side; Momentum rolls like a ball and overshoots; AdaGrad, whose steps
// shrink where the slope was steep, goes straight in; Adam is a damped arc.

#include <algorithm>
#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>
#include <thalweg/thalweg.hpp>

#include "examples/ch06/sections.hpp"

namespace tw = thalweg;

namespace ch06 {

namespace {

constexpr double start_x = -7, start_y = 2;
constexpr int steps = 30;

struct Path {
  std::vector<double> x = {start_x}, y = {start_y};
};

template <class Optimizer>
Path descend(double learning_rate) {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Parameter x = registry.add("x", tw::constant({}, start_x));
  const tw::Parameter y = registry.add("y", tw::constant({}, start_y));
  Optimizer optimizer(registry, {.learning_rate = learning_rate});
  Path path;
  for (int step = 0; step < steps; ++step) {
    tw::Tape tape;
    tw::Var f = x * x / 20 + y * y;
    tw::backward(f);
    optimizer.step();
    path.x.push_back(x.value().item());
    path.y.push_back(y.value().item());
  }
  return path;
}

/// The largest distance of a point from the book's, relative where the book's is above 1.
double difference(const Path& path, const nlohmann::json& points) {
  double largest = 0;
  for (std::size_t i = 0; i < path.x.size(); ++i) {
    for (const auto& [ours, book] : {std::pair{path.x[i], points.at(i).at(0).get<double>()},
                                     std::pair{path.y[i], points.at(i).at(1).get<double>()}})
      largest = std::max(largest, std::abs(ours - book) / std::max(1.0, std::abs(book)));
  }
  return largest;
}

report::Panel panel(const std::string& title) {
  report::Panel panel{.title = title, .x = {"x", {{-10, 10}}}, .y = {"y", {{-10, 10}}}, .curves = {}};
  for (const double height : {0.25, 1., 2.5, 5., 10., 20., 40., 70.})
    panel.curves.push_back(report::valley_contour(height));
  return panel;
}

}  // namespace

void trajectories(const report::Run&, report::Results& results) {
  const auto book = nlohmann::json::parse(std::ifstream(THALWEG_TRAJECTORIES)).at("trajectories");
  const std::vector<std::pair<std::string, Path>> paths = {{"SGD", descend<tw::SGD>(0.95)},
                                                           {"Momentum", descend<tw::Momentum>(0.1)},
                                                           {"AdaGrad", descend<tw::AdaGrad>(1.5)},
                                                           {"Adam", descend<tw::Adam>(0.3)}};
  report::Figure each{.panels = {}, .columns = 2};
  report::Panel all = panel("Four optimizers on x²/20 + y²");
  for (const auto& [name, path] : paths) {
    results.add({.row = name, .column = "x after 30", .value = path.x.back()});
    results.add({.row = name, .column = "y after 30", .value = path.y.back()});
    results.add({.row = name,
                 .column = "from the book",
                 .value = difference(path, book.at(name).at("points")),
                 .band = report::Band{0, 1e-12, report::Band::Kind::exact}});
    const report::Curve curve{.label = name, .x = path.x, .y = path.y, .has_points = true};
    all.curves.push_back(curve);
    each.panels.push_back(panel(name));
    each.panels.back().curves.push_back(curve);
  }
  results.add_figure("paths", each);
  results.add_figure("paths_together", {.panels = {all}});
}

}  // namespace ch06
