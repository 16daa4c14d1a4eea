#pragma once
// Recurrent layers, with PyTorch's formulas, names and layouts of parameters, so that the tensors of a state dict fit.
//
// x is (n, steps, inputs). Layer l = 0, 1, … has the parameters NAME.weight_ih_lL (gates·hidden, inputs),
// NAME.weight_hh_lL (gates·hidden, hidden), NAME.bias_ih_lL and NAME.bias_hh_lL (gates·hidden,), all initially uniform in
// ±1/√hidden; those of a second direction have "_reverse" at the end. W and b are of a step's input x, U and c of the state
// h, σ is the sigmoid. The nodes of a call are in scope NAME, with the caller's line.
//
// The constructors throw ValueError for a number below 1, or if one of the names is taken; then nothing is registered.
// A call throws ShapeError if x, a state or the lengths do not have the layer's shape, DtypeError unless lengths are i64;
// asking for a result throws ValueError if a length is negative or larger than the number of steps.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <thalweg/nn/dropout.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

struct RecurrentLayerOptions {
  std::int64_t layers = 1;     // each reads the outputs of the one before
  bool bidirectional = false;  // a second direction, from the last step to the first
  bool bias = true;
  std::optional<Dropout> dropout = std::nullopt;  // of the outputs that a further layer reads
};

/// What a call may start from. An empty state is zero.
struct RecurrentOptions {
  Var hidden = {};  // (layers·directions, n, hidden)
  /// i64 (n,): how many steps each sequence has, from 0 to all. At later ones the outputs are zero and the state stays as
  /// it is, so that the result is that of PyTorch's packed sequences (which must have at least one step each); the second
  /// direction starts at a sequence's own last step.
  Var lengths = {};
};
struct LSTMOptions {
  Var hidden = {}, cell = {};  // (layers·directions, n, hidden)
  Var lengths = {};            // as above
};

struct RecurrentResult {
  Var output;  // of the last layer, (n, steps, hidden·directions): the directions side by side
  Var hidden;  // the state after the last step, (layers·directions, n, hidden)
};
struct LSTMResult {
  Var output, hidden, cell;  // as above
};

namespace internal {

/// The parameters of a recurrent layer, and the loops over layers, directions and steps.
class Recurrence {
 public:
  struct Kind;
  struct State {
    Var hidden, cell;
  };
  struct Result {
    Var output;
    State state;
  };

  Recurrence(const Kind& kind, ParameterRegistry& registry, const std::string& name, std::int64_t inputs,
             std::int64_t hidden, const RecurrentLayerOptions& options, SourceLine line);

  Result run(const Operand& operand, const State& initial, const Var& lengths) const;

 private:
  struct Weights {
    Parameter input, hidden, input_bias, hidden_bias;
  };

  Var initial_state(const char* what, const Var& given, const Var& x, SourceLine line) const;
  Var run_direction(const Var& x, const Weights& weights, bool is_reverse, const Var& lengths, State& state) const;

  const Kind* kind_;
  const char* scope_;
  std::int64_t inputs_, hidden_, directions_;
  std::optional<Dropout> dropout_;
  std::vector<Weights> weights_;  // layer by layer, direction by direction
};

}  // namespace internal

enum class RNNActivation : std::uint8_t { tanh, relu };

/// h ← tanh(Wx + b + Uh + c), or relu instead of tanh.
class RNN {
 public:
  RNN(ParameterRegistry& registry, const std::string& name, std::int64_t inputs, std::int64_t hidden,
      const RecurrentLayerOptions& options = {}, RNNActivation activation = RNNActivation::tanh,
      SourceLine line = SourceLine::here());

  RecurrentResult operator()(const Operand& x, const RecurrentOptions& options = {}) const;

 private:
  internal::Recurrence recurrence_;
};

/// Gated recurrent units (Cho et al., arXiv 1406.1078), with the gates r, z, n one after another in the parameters' rows:
///   r = σ(Wᵣx + bᵣ + Uᵣh + cᵣ), z = σ(W_z x + b_z + U_z h + c_z), n = tanh(Wₙx + bₙ + r(Uₙh + cₙ)), h ← (1 − z)n + zh
class GRU {
 public:
  GRU(ParameterRegistry& registry, const std::string& name, std::int64_t inputs, std::int64_t hidden,
      const RecurrentLayerOptions& options = {}, SourceLine line = SourceLine::here());

  RecurrentResult operator()(const Operand& x, const RecurrentOptions& options = {}) const;

 private:
  internal::Recurrence recurrence_;
};

/// Long short-term memory (Hochreiter and Schmidhuber, Neural Computation 9, 1997; Gers et al., 2000), with the gates i,
/// f, g, o one after another in the parameters' rows; of each gate, a = Wx + b + Uh + c:
///   c ← σ(a_f)·c + σ(a_i)·tanh(a_g), h ← σ(a_o)·tanh(c)
///
///   const auto [output, hidden, cell] = lstm(x);
///   lstm(more, {.hidden = hidden, .cell = cell});
class LSTM {
 public:
  LSTM(ParameterRegistry& registry, const std::string& name, std::int64_t inputs, std::int64_t hidden,
       const RecurrentLayerOptions& options = {}, SourceLine line = SourceLine::here());

  LSTMResult operator()(const Operand& x, const LSTMOptions& options = {}) const;

 private:
  internal::Recurrence recurrence_;
};

}  // namespace thalweg
