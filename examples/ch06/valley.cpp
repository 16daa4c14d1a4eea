#include "examples/ch06/valley.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numbers>

#include <nlohmann/json.hpp>

namespace ch06 {

namespace {

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

/// The line on which f has this height.
report::Curve contour(double height) {
  constexpr int points = 180;
  report::Curve curve{.label = "", .x = {}, .y = {}, .mark = report::Mark::backdrop};
  for (int i = 0; i <= points; ++i) {
    const double angle = 2 * std::numbers::pi * i / points;
    curve.x.push_back(std::sqrt(20 * height) * std::cos(angle));
    curve.y.push_back(std::sqrt(height) * std::sin(angle));
  }
  return curve;
}

int style_of(const std::string& name) {
  const std::string names[] = {"SGD", "Momentum", "AdaGrad", "Adam", "RMSProp", "NAG", "AdaDelta"};
  return static_cast<int>(std::find(std::begin(names), std::end(names), name) - std::begin(names));
}

}  // namespace

void add_path(report::Results& results, const std::string& name, const Path& path) {
  static const auto book = nlohmann::json::parse(std::ifstream(THALWEG_TRAJECTORIES)).at("trajectories");
  results.add(name, "x after 30", path.x.back());
  results.add(name, "y after 30", path.y.back());
  results.add(name, "f after 30", height(path.x.back(), path.y.back()));
  const std::string known = name == "NAG" ? "Nesterov" : name == "RMSProp" ? "RMSprop" : name;
  if (!book.contains(known)) return;
  results.add({.row = name,
               .column = "from the book",
               .value = difference(path, book.at(known).at("points")),
               .band = report::Band{0, 1e-12, report::Band::Kind::exact}});
}

report::Panel contour_panel(const std::string& title, const std::vector<std::pair<std::string, Path>>& paths) {
  report::Panel panel{.title = title, .x = {"x", {{-10, 10}}}, .y = {"y", {{-10, 10}}}};
  for (const double height : {0.25, 1., 2.5, 5., 10., 20., 40., 70.}) panel.curves.push_back(contour(height));
  for (const auto& [name, path] : paths) {
    panel.curves.push_back(
        {.label = name, .x = path.x, .y = path.y, .mark = report::Mark::line_and_points, .style = style_of(name)});
  }
  return panel;
}

report::Figure path_panels(const std::vector<std::pair<std::string, Path>>& paths, const std::string& caption) {
  report::Figure figure{.panels = {}, .columns = 2, .caption = caption, .panel_width = 560, .panel_height = 400};
  for (const auto& path : paths) {
    figure.panels.push_back(contour_panel(path.first, {path}));
    figure.panels.back().curves.back().label = "";  // the title says it
  }
  return figure;
}

}  // namespace ch06
