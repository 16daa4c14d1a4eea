#include <thalweg/nn/recurrent.hpp>

#include <array>
#include <cmath>

#include <fmt/format.h>

#include <thalweg/nn/initializers.hpp>
#include <thalweg/ops/activation.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/logic.hpp>
#include <thalweg/ops/matmul.hpp>
#include <thalweg/ops/shape.hpp>
#include <thalweg/ops/trigonometric.hpp>

#include "nn/names.hpp"
#include "ops/buffers.hpp"
#include "ops/errors.hpp"

namespace thalweg {

namespace internal {

struct Recurrence::Kind {
  const char* name;
  std::int64_t gates;
  /// Whether the state's bias is added to the input's, once for all steps, rather than to the product with the state.
  bool adds_biases_together;
  /// The next state, from the products (n, gates·hidden) with the input and the state.
  State (*next)(const Var& from_input, const Var& from_state, const State& state);
};

namespace {

using State = Recurrence::State;

State next_of_tanh(const Var& from_input, const Var& from_state, const State&) {
  return {tanh(from_input + from_state), {}};
}

State next_of_relu(const Var& from_input, const Var& from_state, const State&) {
  return {relu(from_input + from_state), {}};
}

State next_of_gru(const Var& from_input, const Var& from_state, const State& state) {
  const std::vector<Var> x = split(from_input, 3, 1), h = split(from_state, 3, 1);
  const Var reset = sigmoid(x[0] + h[0]), update = sigmoid(x[1] + h[1]);
  const Var candidate = tanh(x[2] + reset * h[2]);
  return {candidate + update * (state.hidden - candidate), {}};
}

State next_of_lstm(const Var& from_input, const Var& from_state, const State& state) {
  const std::vector<Var> gates = split(from_input + from_state, 4, 1);
  const Var cell = sigmoid(gates[1]) * state.cell + sigmoid(gates[0]) * tanh(gates[2]);
  return {sigmoid(gates[3]) * tanh(cell), cell};
}

constexpr Recurrence::Kind tanh_kind{"RNN", 1, true, next_of_tanh};
constexpr Recurrence::Kind relu_kind{"RNN", 1, true, next_of_relu};
constexpr Recurrence::Kind gru_kind{"GRU", 3, false, next_of_gru};
constexpr Recurrence::Kind lstm_kind{"LSTM", 4, true, next_of_lstm};

/// Returns the lengths; ValueError for one that is negative or larger than the attribute, the number of steps.
void checked_lengths_kernel(const OpaqueCall& call) {
  const auto* lengths = static_cast<const std::int64_t*>(call.inputs[0]);
  const std::int64_t n = call.output_type.shape[0];
  const auto steps = static_cast<std::int64_t>(call.attribute);
  for (std::int64_t i = 0; i < n; ++i)
    if (lengths[i] < 0 || lengths[i] > steps)
      throw ValueError(
          error_text(call.op(), fmt::format("length {} at place {} is out of range for {} steps", lengths[i], i, steps),
                     call.line()));
  pass_on_first_input(call);
}

const Op checked_lengths_op{.name = "lengths",
                            .kind = Kind::opaque,
                            .shape_rule = [](const Inference& inference) { return inference.input(0); },
                            .opaque_kernel = checked_lengths_kernel,
                            .can_fail = true};

}  // namespace

Recurrence::Recurrence(const Kind& kind, ParameterRegistry& registry, const std::string& name, std::int64_t inputs,
                       std::int64_t hidden, const RecurrentLayerOptions& options, SourceLine line)
    : kind_(&kind),
      scope_(interned_name(name)),
      inputs_(inputs),
      hidden_(hidden),
      directions_(options.bidirectional ? 2 : 1),
      dropout_(options.dropout) {
  check_at_least_one(kind.name, "inputs", inputs, line);
  check_at_least_one(kind.name, "hidden", hidden, line);
  check_at_least_one(kind.name, "layers", options.layers, line);
  const auto each_layer = [&](auto&& visit) {
    for (std::int64_t layer = 0; layer < options.layers; ++layer)
      for (std::int64_t direction = 0; direction < directions_; ++direction) {
        const std::string suffix = fmt::format("_l{}{}", layer, direction == 0 ? "" : "_reverse");
        visit(layer == 0 ? inputs : hidden * directions_, "weight_ih" + suffix, "weight_hh" + suffix,
              "bias_ih" + suffix, "bias_hh" + suffix);
      }
  };
  each_layer([&](std::int64_t, const auto&... parts) {
    check_names_are_free(kind.name, registry, name, {parts.c_str()...}, line);
  });
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const auto add = [&](const std::string& part, const Shape& shape) {
    return registry.add(name + "." + part, uniform(shape, -bound, bound, line), {}, line);
  };
  const std::int64_t rows = kind.gates * hidden;
  each_layer([&](std::int64_t layer_inputs, const std::string& weight_ih, const std::string& weight_hh,
                 const std::string& bias_ih, const std::string& bias_hh) {
    Weights& weights = weights_.emplace_back();
    weights.input = add(weight_ih, {rows, layer_inputs});
    weights.hidden = add(weight_hh, {rows, hidden});
    if (!options.bias) return;
    weights.input_bias = add(bias_ih, {rows});
    weights.hidden_bias = add(bias_hh, {rows});
  });
}

Var Recurrence::initial_state(const char* what, const Var& given, const Var& x, SourceLine line) const {
  const Shape shape{static_cast<std::int64_t>(weights_.size()), x.shape()[0], hidden_};
  if (given.empty()) return Tensor::zeros(shape, x.dtype());
  if (!(given.shape() == shape))
    fail<ShapeError>(kind_->name,
                     fmt::format("{} must be (layers·directions, n, hidden) = {}, it is {}", what, to_string(shape),
                                 to_string(given.shape())),
                     line);
  return given;
}

/// x and the result are (steps, n, …), so that each step is one block of memory.
Var Recurrence::run_direction(const Var& x, const Weights& weights, bool is_reverse, const Var& lengths,
                              State& state) const {
  const std::int64_t steps = x.shape()[0], n = x.shape()[1], rows = kind_->gates * hidden_;
  Var from_inputs = matmul(x, transpose(weights.input)), state_bias;
  if (!weights.input_bias.empty()) {
    if (!kind_->adds_biases_together) state_bias = weights.hidden_bias;
    from_inputs += kind_->adds_biases_together ? weights.input_bias + weights.hidden_bias : Var(weights.input_bias);
  }
  const Var hidden_weight = transpose(weights.hidden);
  std::vector<Var> outputs(static_cast<std::size_t>(steps));
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t step = is_reverse ? steps - 1 - i : i;
    const Var from_input = reshape(slice(from_inputs, 0, step, step + 1), {n, rows});
    const Var product = matmul(state.hidden, hidden_weight);
    State next = kind_->next(from_input, state_bias.empty() ? product : product + state_bias, state);
    Var& output = outputs[static_cast<std::size_t>(step)];
    output = next.hidden;
    if (!lengths.empty()) {
      const Var is_inside = lengths > step;
      output = where(is_inside, next.hidden, 0);
      next.hidden = where(is_inside, next.hidden, state.hidden);
      if (!next.cell.empty()) next.cell = where(is_inside, next.cell, state.cell);
    }
    state = next;
  }
  return stack(outputs);
}

Recurrence::Result Recurrence::run(const Operand& operand, const State& initial, const Var& lengths) const {
  const SourceLine line = operand.line();
  const Scope scope(scope_, line);
  const OpScope op_scope(kind_->name, line);
  const Var x = as_var(operand, kind_->name);
  if (x.rank() != 3 || x.shape()[2] != inputs_ || x.shape()[1] == 0)
    fail<ShapeError>(kind_->name,
                     fmt::format("x must be (n, steps, inputs) with {} inputs, and at least one step, it is {}",
                                 inputs_, to_string(x.shape())),
                     line);
  const std::int64_t n = x.shape()[0];
  Var column;
  if (!lengths.empty()) {
    if (lengths.dtype() != DType::i64)
      fail<DtypeError>(kind_->name, fmt::format("lengths must be i64, they are {}", thalweg::name(lengths.dtype())),
                       line);
    if (!(lengths.shape() == Shape{n}))
      fail<ShapeError>(kind_->name,
                       fmt::format("lengths must be ({},) for x {}, they are {}", n, to_string(x.shape()),
                                   to_string(lengths.shape())),
                       line);
    const auto steps = static_cast<std::uint64_t>(x.shape()[1]);
    column = unsqueeze(record(checked_lengths_op, Operand(lengths, line), steps), 1);
  }
  const bool has_cell = kind_ == &lstm_kind;
  const Var hidden = initial_state("hidden", initial.hidden, x, line);
  const Var cell = has_cell ? initial_state("cell", initial.cell, x, line) : Var();
  const auto at = [&](const Var& states, std::size_t i) {
    const auto place = static_cast<std::int64_t>(i);
    return reshape(slice(states, 0, place, place + 1), {n, hidden_});
  };

  std::vector<Var> hidden_after, cell_after;
  Var value = transpose(x, 0, 1);
  for (std::size_t i = 0; i < weights_.size();) {
    if (i > 0 && dropout_) value = (*dropout_)(value);
    std::vector<Var> outputs;
    for (std::int64_t direction = 0; direction < directions_; ++direction, ++i) {
      State state{at(hidden, i), has_cell ? at(cell, i) : Var()};
      outputs.push_back(run_direction(value, weights_[i], direction == 1, column, state));
      hidden_after.push_back(state.hidden);
      if (has_cell) cell_after.push_back(state.cell);
    }
    value = outputs.size() == 1 ? outputs[0] : concatenate(outputs, 2);
  }
  return {transpose(value, 0, 1), {stack(hidden_after), has_cell ? stack(cell_after) : Var()}};
}

}  // namespace internal

using internal::Recurrence;

RNN::RNN(ParameterRegistry& registry, const std::string& name, std::int64_t inputs, std::int64_t hidden,
         const RecurrentLayerOptions& options, RNNActivation activation, SourceLine line)
    : recurrence_(activation == RNNActivation::tanh ? internal::tanh_kind : internal::relu_kind, registry, name, inputs,
                  hidden, options, line) {}

RecurrentResult RNN::operator()(const Operand& x, const RecurrentOptions& options) const {
  const Recurrence::Result result = recurrence_.run(x, {options.hidden, {}}, options.lengths);
  return {result.output, result.state.hidden};
}

GRU::GRU(ParameterRegistry& registry, const std::string& name, std::int64_t inputs, std::int64_t hidden,
         const RecurrentLayerOptions& options, SourceLine line)
    : recurrence_(internal::gru_kind, registry, name, inputs, hidden, options, line) {}

RecurrentResult GRU::operator()(const Operand& x, const RecurrentOptions& options) const {
  const Recurrence::Result result = recurrence_.run(x, {options.hidden, {}}, options.lengths);
  return {result.output, result.state.hidden};
}

LSTM::LSTM(ParameterRegistry& registry, const std::string& name, std::int64_t inputs, std::int64_t hidden,
           const RecurrentLayerOptions& options, SourceLine line)
    : recurrence_(internal::lstm_kind, registry, name, inputs, hidden, options, line) {}

LSTMResult LSTM::operator()(const Operand& x, const LSTMOptions& options) const {
  const Recurrence::Result result = recurrence_.run(x, {options.hidden, options.cell}, options.lengths);
  return {result.output, result.state.hidden, result.state.cell};
}

}  // namespace thalweg
