// 6.1.4: Momentum rolls like a ball, NAG looks ahead first; and a valley in one dimension, whose local minimum both leave.

#include <cmath>

#include "examples/ch06/sections.hpp"
#include "examples/ch06/valley.hpp"

namespace tw = thalweg;

namespace ch06 {

namespace {

constexpr double rate = 0.05;
constexpr int steps = 100;

double hills(double x) { return std::pow(x, 4) / 20 - x * x / 2 + 0.3 * x; }

// [excerpt]
/// The places of `steps` steps down g(x) = x⁴/20 − x²/2 + 0.3x, beginning on its right slope.
template <class Optimizer>
std::vector<double> roll() {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Parameter x = registry.add("x", tw::constant({}, 4));
  Optimizer optimizer(registry, {.learning_rate = rate});
  std::vector<double> places = {x.value().item()};
  for (int step = 0; step < steps; ++step) {
    const tw::Tape tape;
    tw::Var square = x * x;
    tw::Var g = square * square / 20 - square / 2 + 0.3 * x;
    tw::backward(g);
    optimizer.step();
    places.push_back(x.value().item());
  }
  return places;
}
// [/excerpt]

report::Panel valley_panel(const std::string& name, const std::vector<double>& places, int style) {
  report::Panel panel{.title = name, .x = {"x", {{-4.2, 4.2}}}, .y = {"g(x)", {{-3.2, 7}}}};
  report::Curve ground{.label = "", .x = {}, .y = {}, .mark = report::Mark::backdrop};
  for (double x = -4.2; x <= 4.2; x += 0.05) {
    ground.x.push_back(x);
    ground.y.push_back(hills(x));
  }
  report::Curve path{.label = "", .x = places, .y = {}, .mark = report::Mark::line_and_points, .style = style};
  for (const double x : places) path.y.push_back(hills(x));
  report::Curve end{
      .label = "end", .x = {places.back()}, .y = {path.y.back()}, .mark = report::Mark::points, .style = 5};
  panel.curves = {ground, path, end};
  return panel;
}

}  // namespace

void momentum(const report::Run&, report::Results& results) {
  const Path momentum = descend<tw::Momentum>(0.1), nag = descend<tw::NAG>(0.1);
  add_path(results, "Momentum", momentum);
  add_path(results, "NAG", nag);
  results.add_figure("paths", path_panels({{"Momentum", momentum}, {"NAG", nag}},
                                          "Paths of Momentum and NAG: both overshoot along the valley, NAG less"));

  const std::vector<double> sgd = roll<tw::SGD>(), ball = roll<tw::Momentum>(), looking = roll<tw::NAG>();
  report::Figure valley{
      .panels = {valley_panel("SGD", sgd, 0), valley_panel("Momentum", ball, 1), valley_panel("NAG", looking, 5)},
      .columns = 3,
      .caption = "A valley with two minima: SGD stays in the upper one, Momentum and NAG roll through",
      .panel_width = 420,
      .panel_height = 360};
  for (const auto& [name, places] : {std::pair{"SGD", sgd}, {"Momentum", ball}, {"NAG", looking}}) {
    results.add(name, "ends at x", places.back());
    results.add(name, "with g(x)", hills(places.back()));
  }
  results.add_figure("one_dimension", valley);
}

}  // namespace ch06
