// 6.1.2–6.1.3: SGD, and why it zig-zags: where a valley is steep across and almost flat along, the slope points across.

#include <cmath>

#include "examples/ch06/sections.hpp"
#include "examples/ch06/valley.hpp"

namespace tw = thalweg;

namespace ch06 {

namespace {

/// −∇f at points of a grid, a tenth as long as it is.
report::Curve steepest_descent() {
  report::Curve arrows{.label = "", .x = {}, .y = {}, .mark = report::Mark::arrows, .style = 5};
  for (double x = -9; x <= 9; x += 1.5) {
    for (double y = -9; y <= 9; y += 1.5) {
      const tw::Tape tape;
      const tw::Var at_x = tw::Tensor(x).to(tw::f64), at_y = tw::Tensor(y).to(tw::f64);
      const std::vector<tw::Var> slope = tw::gradients(at_x * at_x / 20 + at_y * at_y, {at_x, at_y});
      arrows.x.push_back(x);
      arrows.y.push_back(y);
      arrows.dx.push_back(-slope[0].item() / 10);
      arrows.dy.push_back(-slope[1].item() / 10);
    }
  }
  return arrows;
}

/// How far the path is from x = −7·0.905ᵗ, y = 2·(−0.9)ᵗ, which this rate gives.
double from_closed_form(const Path& path) {
  double largest = 0;
  for (std::size_t t = 0; t < path.x.size(); ++t) {
    const auto steps = static_cast<double>(t);
    largest = std::max(largest, std::abs(path.x[t] + 7 * std::pow(0.905, steps)));
    largest = std::max(largest, std::abs(path.y[t] - 2 * std::pow(-0.9, steps)));
  }
  return largest;
}

}  // namespace

void sgd(const report::Run&, report::Results& results) {
  const Path path = descend<tw::SGD>(0.95);
  add_path(results, "SGD", path);
  results.add({.row = "distance from the closed form",
               .column = "",
               .value = from_closed_form(path),
               .band = report::Band{0, 1e-12, report::Band::Kind::exact}});
  int turns = 0;
  for (std::size_t t = 1; t < path.y.size(); ++t) turns += path.y[t] * path.y[t - 1] < 0 ? 1 : 0;
  results.add("steps that cross the valley, of 30", "", turns);

  report::Panel field = contour_panel("Steepest descent on x²/20 + y²", {});
  field.curves.push_back(steepest_descent());
  report::Panel zigzag = contour_panel("SGD, rate 0.95, 30 steps", {{"SGD", path}});
  results.add_figure("zigzag", {.panels = {field, zigzag},
                                .columns = 2,
                                .caption = "Left: the direction of steepest descent on the valley; right: the path of "
                                           "SGD, which swings from side to side",
                                .panel_width = 560,
                                .panel_height = 440});
}

}  // namespace ch06
