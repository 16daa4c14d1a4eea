#pragma once
// f(x, y) = x²/20 + y², a valley that is steep across and almost flat along, and the way down it.

#include <string>
#include <vector>

#include <thalweg/thalweg.hpp>

#include "examples/report/results.hpp"

namespace ch06 {

struct Path {
  std::vector<double> x = {-7}, y = {2};
};

// [excerpt]
/// `steps` steps of an optimizer from (−7, 2).
template <class Optimizer>
Path descend(double learning_rate, int steps = 30) {
  namespace tw = thalweg;
  Path path;
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Parameter x = registry.add("x", tw::constant({}, path.x[0]));
  const tw::Parameter y = registry.add("y", tw::constant({}, path.y[0]));
  Optimizer optimizer(registry, {.learning_rate = learning_rate});
  for (int step = 0; step < steps; ++step) {
    const tw::Tape tape;
    tw::Var f = x * x / 20 + y * y;
    tw::backward(f);
    optimizer.step();
    path.x.push_back(x.value().item());
    path.y.push_back(y.value().item());
  }
  return path;
}
// [/excerpt]

inline double height(double x, double y) { return x * x / 20 + y * y; }

/// Adds where the path ends, its height there, and how far it is from the book's (trajectories.json), relative where the
/// book's numbers are above 1.
void add_path(report::Results& results, const std::string& name, const Path& path);

/// A panel of contour lines with these paths; styles by the order of all optimizers, so that colors stay.
report::Panel contour_panel(const std::string& title, const std::vector<std::pair<std::string, Path>>& paths);

/// A panel for each path, then one with all.
report::Figure path_panels(const std::vector<std::pair<std::string, Path>>& paths, const std::string& caption);

}  // namespace ch06
