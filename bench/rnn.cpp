#include <algorithm>
#include <numeric>

#include <thalweg/thalweg.hpp>

#include "bench/rows.hpp"

namespace bench {

namespace tw = thalweg;

namespace {

/// h ← tanh(x·W + h·U + b) along a sequence, then a linear read-out of the last h.
class RecurrentNet {
 public:
  explicit RecurrentNet(const Spec& spec) : batch_(spec.integer("batch")), hidden_(spec.integer("hidden")) {
    const std::int64_t inputs = spec.integer("inp");
    const auto add = [&](const char* name, const char* file, const tw::Shape& shape) {
      return registry_.add(name, spec.numbers(file, shape));
    };
    input_weight_ = add("cell.input_weight", "p0", {inputs, hidden_});
    hidden_weight_ = add("cell.hidden_weight", "p1", {hidden_, hidden_});
    bias_ = add("cell.bias", "p2", {hidden_});
    output_weight_ = add("output.weight", "p3", {hidden_, 1});
    output_bias_ = add("output.bias", "p4", {1});
  }

  /// `sequence` is (steps·batch, inputs): the input's part of all steps is one product.
  tw::Var operator()(const tw::Var& sequence) const {
    const std::int64_t steps = sequence.shape()[0] / batch_;
    const tw::Var projected = tw::matmul(sequence, input_weight_) + bias_;
    tw::Var state = tw::tanh(tw::slice(projected, 0, 0, batch_));
    for (std::int64_t t = 1; t < steps; ++t)
      state = tw::tanh(tw::slice(projected, 0, t * batch_, (t + 1) * batch_) + tw::matmul(state, hidden_weight_));
    return tw::matmul(state, output_weight_) + output_bias_;
  }

  tw::ParameterRegistry& registry() { return registry_; }

 private:
  std::int64_t batch_, hidden_;
  tw::ParameterRegistry registry_;
  tw::Parameter input_weight_, hidden_weight_, bias_, output_weight_, output_bias_;
};

}  // namespace

Measurement run_rnn(const Spec& spec) {
  const std::int64_t batch = spec.integer("batch"), inputs = spec.integer("inp");
  const tw::Tensor lengths = spec.indices("lens", {spec.integer("seqs")});
  const tw::Tensor all_steps = spec.numbers("x", {spec.integer("hi") * batch, inputs});
  const tw::Tensor target = spec.numbers("y", {batch, 1});
  RecurrentNet net(spec);
  tw::SGD optimizer(net.registry(), {.learning_rate = spec.real("lr")});

  const auto pass = [&] {
    double last = 0;
    for (const std::int64_t length : lengths.data<std::int64_t>()) {
      tw::Tape tape;
      const tw::Var loss = tw::mean_squared_error(net(tw::slice(all_steps, 0, 0, length * batch)), target);
      tw::backward(loss);
      last = loss.item();
      optimizer.step();
    }
    return last;
  };
  const auto values = lengths.data<std::int64_t>();
  return measure_passes(spec, pass, std::accumulate(values.begin(), values.end(), std::int64_t{0}));
}

}  // namespace bench
