#pragma once
#include <functional>

#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct LBFGSOptions {
  Schedule learning_rate = 1;        // how far along its direction a step tries first
  int history = 10;                  // pairs of steps and changes of gradient that make up the curvature; at least 1
  int iterations = 20;               // of one step(); at least 1
  int evaluations = 25;              // of the loss in one iteration's line search, at most; at least 1
  double gradient_tolerance = 1e-7;  // done where no element of the gradient is larger
  double change_tolerance = 1e-9;    // done where no element moves further, or the loss changes less
};

/// Limited-memory BFGS with a line search for the strong Wolfe conditions: for losses of all the data, without noise. It
/// learns the curvature from the latest steps, and needs no learning rate to speak of.
///
///   LBFGS lbfgs(registry);
///   double loss = lbfgs.step([&] {
///     Tape tape;
///     Var loss = …;
///     backward(loss);
///     return loss.item();
///   });
///
/// An iteration goes from x along d = −H · gradient to x + t · d, where H is given by the pairs s = step, y = change of
/// gradient (two loops over them), and t makes
///
///   loss(x + t·d) ≤ loss(x) + 1e-4 · t · d·gradient(x)   and   |d·gradient(x + t·d)| ≤ 0.9 · |d·gradient(x)|
///
/// by cubic interpolation. State: lbfgs.direction, lbfgs.start, lbfgs.gradient, lbfgs.step_0, lbfgs.change_0, …; like any
/// optimizer it goes on from a checkpoint between two step()s. Nocedal and Wright, Numerical Optimization, 2006,
/// algorithms 7.4, 3.5 and 3.6; PyTorch's LBFGS with line_search_fn="strong_wolfe".
class LBFGS : public OptimizerOf<LBFGSOptions> {
 public:
  explicit LBFGS(const OptimizedParameters& parameters, const LBFGSOptions& options = {},
                 SourceLine line = SourceLine::here());

  /// Makes up to `iterations` iterations and returns the loss before them. `loss` computes the loss of the parameters as
  /// they are, fills the gradients and returns its value; it is called outside any tape.
  double step(const std::function<double()>& loss, SourceLine line = SourceLine::here());

 private:
  /// A point on the line from where the iteration starts: loss, and slope along the direction.
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

  const std::function<void(Update&)>* formula_ = nullptr;  // that apply() is to carry out
  SourceLine line_;
};

}  // namespace thalweg
