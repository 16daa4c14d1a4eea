#pragma once
#include <functional>

#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct LBFGSOptions {
  Schedule learning_rate = 1;        // first step length that the line search tries
  int history = 10;                  // pairs (step, gradient change) that approximate the curvature; at least 1
  int iterations = 20;               // per step(); at least 1
  int evaluations = 25;              // most loss evaluations per line search; at least 1
  double gradient_tolerance = 1e-7;  // stops if no element of the gradient is larger
  double change_tolerance = 1e-9;    // stops if no element moves further, or the loss changes less
};

/// Limited-memory BFGS with a line search for the strong Wolfe conditions: for full-batch losses without noise. It
/// estimates the curvature from the latest steps, so the learning rate hardly matters.
///
///   LBFGS lbfgs(registry);
///   double loss = lbfgs.step([&] {
///     Tape tape;
///     Var loss = …;
///     backward(loss);
///     return loss.item();
///   });
///
/// An iteration goes from x along d = −H · gradient to x + t · d. H is given implicitly by the pairs (s = step, y =
/// gradient change) through the two-loop recursion, and t satisfies
///
///   loss(x + t·d) ≤ loss(x) + 1e-4 · t · d·gradient(x)   and   |d·gradient(x + t·d)| ≤ 0.9 · |d·gradient(x)|
///
/// found by cubic interpolation. State: lbfgs.direction, lbfgs.start, lbfgs.gradient, lbfgs.step_0, lbfgs.change_0, …;
/// as with any optimizer, a run can resume from a checkpoint between two step()s. Nocedal and Wright, Numerical
/// Optimization, 2006, algorithms 7.4, 3.5 and 3.6; PyTorch's LBFGS with line_search_fn="strong_wolfe".
class LBFGS : public OptimizerOf<LBFGSOptions> {
 public:
  explicit LBFGS(const OptimizedParameters& parameters, const LBFGSOptions& options = {},
                 SourceLine line = SourceLine::here());

  /// Makes up to `iterations` iterations and returns the loss before them. `loss` computes the loss of the present
  /// parameters and its gradients, and returns the loss; it is called without a current tape.
  double step(const std::function<double()>& loss, SourceLine line = SourceLine::here());

 private:
  /// A point on the search line: loss, and slope along the direction.
  struct Point {
    double t, loss, slope;
  };

  void update(Update& u, const LBFGSOptions& o) override;
  bool needs_gradients() const override { return false; }

  void run(const std::function<void(Update&)>& formula);
  double dot(const std::string& a, const std::string& b);
  double largest(const std::string& name);
  /// direction ← −H · gradient.
  void find_direction();
  Point evaluate(double t, const std::function<double()>& loss);
  Point search(const Point& start, double t, const std::function<double()>& loss);
  Point zoom(const Point& start, Point low, Point high, int evaluations, const std::function<double()>& loss);
  void remember(double t);

  const std::function<void(Update&)>* formula_ = nullptr;  // for apply() to execute
  SourceLine line_;
};

}  // namespace thalweg
