// What must hold of a graph.

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include <thalweg/differentiate.hpp>
#include <thalweg/threads.hpp>

#include "tests/ops/table/checks.hpp"
#include "tests/ops/table/fuzz.hpp"
#include "tests/ops/table/fuzz_record.hpp"
#include "tests/pool_size.hpp"

namespace thalweg::op_table {

namespace {

/// What a run gives: tensors in the order they were asked for, each with a name.
struct Outcome {
  std::vector<std::pair<std::string, Tensor>> values;
  std::string error;
};

class Run {
 public:
  Run(const Graph& graph, Engine engine) : graph_(graph), recording_(graph, engine) {}

  Outcome operator()() {
    try {
      run();
    } catch (const std::exception& error) {
      outcome_.error = error.what();
    }
    return std::move(outcome_);
  }

 private:
  void ask(const std::string& what, const Var& var) { outcome_.values.emplace_back(what, var.value()); }

  void run() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Var var = recording_.record(i);
      if (graph_.nodes[i].asked) ask(fmt::format("#{}", i), var);
    }
    const Var loss = recording_.loss();
    differentiate(loss);
    if (graph_.trains) backward(loss);
    ask("the loss", loss);
    for (const int output : graph_.outputs) ask(fmt::format("#{}", output), recording_.var(output));
    for (const Parameter& parameter : recording_.parameters()) {
      outcome_.values.emplace_back(parameter.name(), parameter.value());
      if (graph_.trains && parameter.trainable())
        outcome_.values.emplace_back("gradient of " + parameter.name(), parameter.gradient());
    }
  }

  void differentiate(const Var& loss) {
    const std::vector<Var>& inputs = recording_.inputs();
    if (inputs.empty()) return;
    const std::vector<Var> first = gradients(loss, std::span<const Var>(inputs));
    for (std::size_t i = 0; i < first.size(); ++i) ask(fmt::format("gradient {}", i), first[i]);
    if (graph_.order < 2) return;
    Var total = sum(square(first[0]));
    for (std::size_t i = 1; i < first.size(); ++i) total += sum(square(first[i]));
    const std::vector<Var> second = gradients(total, std::span<const Var>(inputs));
    for (std::size_t i = 0; i < second.size(); ++i) ask(fmt::format("second gradient {}", i), second[i]);
  }

  const Graph& graph_;
  GraphRecording recording_;
  Outcome outcome_;
};

std::string difference(const Outcome& outcome, const Outcome& wanted) {
  if (outcome.error != wanted.error) return "'" + outcome.error + "', wanted '" + wanted.error + "'";
  for (std::size_t i = 0; i < std::min(outcome.values.size(), wanted.values.size()); ++i)
    if (!same(outcome.values[i].second, wanted.values[i].second))
      return fmt::format("{} is\n{}\nwanted\n{}", wanted.values[i].first, to_string(outcome.values[i].second),
                         to_string(wanted.values[i].second));
  return outcome.values.size() == wanted.values.size() ? "" : "other numbers of results";
}

// --- gradients against differences, along one direction ---

std::vector<Tensor> directions_of(const Graph& graph) {
  std::vector<Tensor> directions;
  for (const GraphNode& node : graph.nodes) {
    if (node.kind != GraphNode::Kind::input) continue;
    Tensor direction = Tensor::empty(node.tensors[0].shape(), DType::f64);
    const std::span<double> elements = direction.mutable_data<double>();
    fill_uniform(elements, {.seed = directions.size()});
    for (double& element : elements) element = element < 0.5 ? element - 1.5 : element;
    directions.push_back(direction);
  }
  return directions;
}

double loss_at(const Graph& graph, const std::vector<Tensor>& directions, double step) {
  GraphRecording recording(graph, Engine::planned);
  recording.move_inputs(&directions, step);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) recording.record(i);
  return recording.loss().item();
}

/// Central differences of order 4: Abramowitz and Stegun, 25.3.6.
double difference_quotient(const Graph& graph, const std::vector<Tensor>& directions, double step) {
  const auto f = [&](double at) { return loss_at(graph, directions, at * step); };
  return (8 * (f(1) - f(-1)) - (f(2) - f(-2))) / (12 * step);
}

std::string wrong_gradient(const Graph& graph) {
  const std::vector<Tensor> directions = directions_of(graph);
  if (directions.empty()) return "";
  double slope = 0, size = 0;
  {
    GraphRecording recording(graph, Engine::planned);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) recording.record(i);
    const std::vector<Var> first = gradients(recording.loss(), std::span<const Var>(recording.inputs()));
    for (std::size_t i = 0; i < first.size(); ++i) {
      const Tensor gradient = first[i].value();
      for (std::size_t e = 0; e < static_cast<std::size_t>(gradient.size()); ++e) {
        const double term = gradient.data<double>()[e] * directions[i].data<double>()[e];
        slope += term;
        size += std::abs(term);
      }
    }
  }
  if (!std::isfinite(slope)) return "";  // a defined infinity; what the ops' rows say of it
  // A kink, or a function too crooked for the step, gives other quotients for other steps; a wrong gradient does not.
  constexpr double steps[] = {1e-4, 3e-5, 1e-5};
  double quotients[3], nearest = inf;
  for (std::size_t i = 0; i < 3; ++i) {
    quotients[i] = difference_quotient(graph, directions, steps[i]);
    nearest = std::min(nearest, std::abs(quotients[i] - slope));
    if (i == 0 && nearest <= 1e-6 * (std::abs(slope) + size)) return "";
  }
  // Operands equal by construction are at clamp's bound for every step: its gradient is 0 there by definition.
  const auto is_clamp = [](const GraphNode& node) {
    return node.row != nullptr && name_of(*node.row) == "clamp by tensors";
  };
  if (std::any_of(graph.nodes.begin(), graph.nodes.end(), is_clamp)) return "";
  // At a kink, or a step, the slopes on both sides differ.
  const double here = loss_at(graph, directions, 0), h = steps[2];
  const double bend = (loss_at(graph, directions, h) - here) / h - (here - loss_at(graph, directions, -h)) / h;
  if (std::abs(bend) > nearest / 4) return "";
  const double spread =
      std::max({quotients[0], quotients[1], quotients[2]}) - std::min({quotients[0], quotients[1], quotients[2]});
  const bool is_right = nearest <= 1e-5 * (std::abs(slope) + size) + 1e-9;
  if (is_right || !(spread < nearest / 4)) return "";
  return fmt::format("gradient: along a direction {:.12g}, differences {:.12g}, {:.12g}, {:.12g}", slope, quotients[0],
                     quotients[1], quotients[2]);
}

}  // namespace

std::string what_fails(const Graph& graph) {
  std::string failure;
  on_new_thread([&] {
    const Outcome eager = Run(graph, Engine::eager)();
    const auto differs = [&](const char* what) {
      const std::string text = difference(Run(graph, Engine::planned)(), eager);
      if (failure.empty() && !text.empty()) failure = what + text;
      return !failure.empty();
    };
    if (!eager.error.empty()) failure = "error: " + eager.error;
    if (!failure.empty() || differs("planned beside eager: ")) return;
    // Once a tape has ended it is known what its later requests read of earlier ones, and plans are made anew.
    if (differs("planned again: ")) return;
    const testing::PoolSize pool(2);
    {
      const Threads limit(2);
      if (differs("on 2 threads: ")) return;
    }
    if (graph.is_smooth) failure = wrong_gradient(graph);
  });
  return failure;
}

}  // namespace thalweg::op_table
