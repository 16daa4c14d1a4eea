#include <thalweg/optim/lbfgs.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/reduction.hpp>

namespace thalweg {

namespace {

// The constants of the Wolfe conditions usual for quasi-Newton directions.
constexpr double enough_decrease = 1e-4, enough_flattening = 0.9;
/// A pair with a smaller step · change is not stored, since H would not stay positive definite.
constexpr double least_curvature = 1e-10;

void check(const LBFGSOptions& o, const OptionCheck& check) {
  check.holds("history", o.history, o.history >= 1 && o.history <= 100, "must be in [1, 100]");
  check.holds("iterations", o.iterations, o.iterations >= 1, "must be at least 1");
  check.holds("evaluations", o.evaluations, o.evaluations >= 1, "must be at least 1");
  check.not_negative("gradient_tolerance", o.gradient_tolerance);
  check.not_negative("change_tolerance", o.change_tolerance);
}

/// The minimum, within bounds, of the cubic through two points with their slopes; the midpoint if it has none.
template <class Point>
double cubic_minimum(const Point& a, const Point& b, double low, double high) {
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t);
  const double under_root = d1 * d1 - a.slope * b.slope;
  if (!(under_root >= 0)) return (low + high) / 2;
  const double d2 = std::sqrt(under_root);
  const auto &left = a.t <= b.t ? a : b, &right = a.t <= b.t ? b : a;
  const double at = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2));
  return std::min(std::max(at, low), high);
}

/// A state by name, or the registry's present gradient.
Var read(Update& u, const std::string& name) { return name == "new_gradient" ? u.gradient() : u.state(name.c_str()); }

std::string step_name(std::int64_t pair, int history) { return fmt::format("step_{}", pair % history); }
std::string change_name(std::int64_t pair, int history) { return fmt::format("change_{}", pair % history); }

}  // namespace

LBFGS::LBFGS(const OptimizedParameters& parameters, const LBFGSOptions& options, SourceLine line)
    : OptimizerOf(parameters, "lbfgs", options, check, line) {}

void LBFGS::run(const std::function<void(Update&)>& formula) {
  formula_ = &formula;
  try {
    apply(line_);
  } catch (...) {
    formula_ = nullptr;
    throw;
  }
  formula_ = nullptr;
}

void LBFGS::update(Update& u, const LBFGSOptions&) {
  if (formula_ == nullptr) throw ValueError(error_text(name(), "step() wants the loss, as a function", line_));
  (*formula_)(u);
}

// The formula runs once per range of parameters with the same options; adds up the results.
double LBFGS::dot(const std::string& a, const std::string& b) {
  double total = 0;
  run([&](Update& u) { total += sum(read(u, a) * read(u, b)).item(); });
  return total;
}

double LBFGS::largest(const std::string& name) {
  double found = 0;
  run([&](Update& u) { found = std::max(found, max(abs(read(u, name))).item()); });
  return found;
}

// The two-loop recursion, algorithm 7.4: from the latest pair to the first, then back.
void LBFGS::find_direction() {
  const int history = options().history;
  const auto end = static_cast<std::int64_t>(number("pairs")), begin = std::max<std::int64_t>(end - history, 0);
  run([](Update& u) { u.set_state("direction", -u.state("gradient")); });
  std::vector<double> weights(static_cast<std::size_t>(end - begin)), curvatures(weights.size());
  for (std::int64_t pair = end; pair-- > begin;) {
    const std::string step = step_name(pair, history), change = change_name(pair, history);
    const auto at = static_cast<std::size_t>(pair - begin);
    curvatures[at] = dot(change, step);
    weights[at] = dot(step, "direction") / curvatures[at];
    run([&](Update& u) { u.set_state("direction", u.state("direction") - weights[at] * read(u, change)); });
  }
  if (end > begin) {
    const std::string change = change_name(end - 1, history);
    const double scale = curvatures.back() / dot(change, change);
    run([&](Update& u) { u.set_state("direction", scale * u.state("direction")); });
  }
  for (std::int64_t pair = begin; pair < end; ++pair) {
    const std::string step = step_name(pair, history);
    const auto at = static_cast<std::size_t>(pair - begin);
    const double weight = weights[at] - dot(change_name(pair, history), "direction") / curvatures[at];
    run([&](Update& u) { u.set_state("direction", u.state("direction") + weight * read(u, step)); });
  }
}

/// Moves the parameters to start + t · direction, and computes loss and slope there.
LBFGS::Point LBFGS::evaluate(double t, const std::function<double()>& loss) {
  run([&](Update& u) { u.set_value(u.state("start") + t * u.state("direction")); });
  const double value = loss();
  return {t, value, dot("new_gradient", "direction")};
}

/// Goes along the direction until a point meets both conditions, or an interval is found that must contain one, which
/// `zoom` then narrows (algorithm 3.5). As in PyTorch, the next point lies beyond the last one by at least a hundredth
/// of the interval before it, and at no more than ten times its t.
LBFGS::Point LBFGS::search(const Point& start, double t, const std::function<double()>& loss) {
  Point before = start, point = evaluate(t, loss);
  for (int count = 0; count < options().evaluations; ++count) {
    const bool is_too_high = point.loss > start.loss + enough_decrease * point.t * start.slope;
    if (is_too_high || !std::isfinite(point.loss) || (count > 1 && point.loss >= before.loss))
      return zoom(start, before, point, options().evaluations - count, loss);
    if (std::abs(point.slope) <= -enough_flattening * start.slope) return point;
    if (point.slope >= 0) return zoom(start, before, point, options().evaluations - count, loss);
    const double least = point.t + 0.01 * (point.t - before.t), most = point.t * 10;
    const double next = cubic_minimum(before, point, least, most);
    before = point;
    point = evaluate(next, loss);
  }
  return zoom(start, start, point, 0, loss);
}

/// Narrows the interval between two points, of which `low` has the lower loss, until a point meets both conditions
/// (algorithm 3.6). If the evaluations are used up, or the interval is negligible, it ends at `low`.
///
/// Cubic interpolation may repeatedly choose points close to one end, so that the interval hardly shrinks: a point at
/// an end, or the second in a row within a tenth of it, is moved inward to that tenth.
LBFGS::Point LBFGS::zoom(const Point& start, Point low, Point high, int evaluations,
                         const std::function<double()>& loss) {
  const double direction = largest("direction");
  double last = high.t;  // where the parameters are
  if (!(low.loss <= high.loss) && std::isfinite(high.loss)) std::swap(low, high);
  bool was_at_an_end = false;
  while (evaluations-- > 0 && std::abs(high.t - low.t) * direction >= options().change_tolerance) {
    const double left = std::min(low.t, high.t), right = std::max(low.t, high.t), margin = 0.1 * (right - left);
    double t = cubic_minimum(low, high, left, right);
    const bool is_at_an_end = std::min(right - t, t - left) < margin;
    if (is_at_an_end && (was_at_an_end || t >= right || t <= left)) {
      t = std::abs(t - right) < std::abs(t - left) ? right - margin : left + margin;
      was_at_an_end = false;
    } else {
      was_at_an_end = is_at_an_end;
    }
    const Point point = evaluate(t, loss);
    last = t;
    const bool is_too_high = point.loss > start.loss + enough_decrease * t * start.slope;
    if (is_too_high || !(point.loss < low.loss)) {
      high = point;
      if (high.loss < low.loss) std::swap(low, high);
      continue;
    }
    if (std::abs(point.slope) <= -enough_flattening * start.slope) return point;
    if (point.slope * (high.t - low.t) >= 0) high = low;
    low = point;
  }
  return last == low.t ? low : evaluate(low.t, loss);
}

/// Stores the step just made, t · direction, and the resulting change of the gradient.
void LBFGS::remember(double t) {
  double& pairs = number("pairs");
  const auto pair = static_cast<std::int64_t>(pairs);
  double curvature = 0;
  run([&](Update& u) { curvature += sum((u.gradient() - u.state("gradient")) * (t * u.state("direction"))).item(); });
  const bool is_kept = curvature > least_curvature;
  run([&](Update& u) {
    if (is_kept) {
      u.set_state(step_name(pair, options().history).c_str(), t * u.state("direction"));
      u.set_state(change_name(pair, options().history).c_str(), u.gradient() - u.state("gradient"));
    }
    u.set_state("gradient", u.gradient());
  });
  if (is_kept) ++number("pairs");
}

double LBFGS::step(const std::function<double()>& loss, SourceLine line) {
  line_ = line;
  const LBFGSOptions& o = options();
  const double first_loss = loss();
  run([](Update& u) { u.set_state("gradient", u.gradient()); });
  Point at{0, first_loss, 0};
  for (int i = 0; i < o.iterations; ++i) {
    if (largest("gradient") <= o.gradient_tolerance) break;
    find_direction();
    at = {0, at.loss, dot("gradient", "direction")};
    if (at.slope > -o.change_tolerance) break;
    double t = learning_rate();
    if (number("pairs") == 0) {  // without any curvature information, limits the step to length 1
      double length = 0;
      run([&](Update& u) { length += sum(abs(u.state("gradient"))).item(); });
      t *= std::min(1., 1 / length);
    }
    run([](Update& u) { u.set_state("start", u.value()); });
    const Point reached = search(at, t, loss);
    remember(reached.t);
    const double change = std::abs(reached.loss - at.loss), length = reached.t * largest("direction");
    at = reached;
    if (length <= o.change_tolerance || change < o.change_tolerance) break;
  }
  set_step_count(step_count() + 1, line);
  return first_loss;
}

}  // namespace thalweg
