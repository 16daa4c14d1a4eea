#include <algorithm>

#include <thalweg/thalweg.hpp>

#include "bench/rows.hpp"

namespace bench {

namespace tw = thalweg;

namespace {

/// The graphs of bench/peers/rows.py: each op is (kind, place, place), places being those of earlier values.
class RandomGraphs {
 public:
  explicit RandomGraphs(const Spec& spec)
      : lengths_(spec.indices("lens", {spec.integer("graphs")})),
        ops_(spec.indices("ops", {spec.integer("ops"), 3})),
        input_(spec.numbers("x", {8, 16})) {
    weight_ = registry_.add("weight", spec.numbers("w", {16, 16}));
    bias_ = registry_.add("bias", spec.numbers("b", {16}));
  }

  bool at_end() const { return next_graph_ == lengths_.size(); }
  std::int64_t ops() const { return next_op_; }  // of all graphs so far

  /// Records, differentiates and runs the next graph; returns the loss.
  double run_next() {
    const std::int64_t length = lengths_.at<std::int64_t>({next_graph_++});
    const tw::Tape tape;
    values_.assign({tw::Var(input_)});
    for (std::int64_t i = 0; i < length; ++i) {
      const std::int64_t* const op = &ops_.data<std::int64_t>()[static_cast<std::size_t>(3 * next_op_++)];
      values_.push_back(
          value(op[0], values_[static_cast<std::size_t>(op[1])], values_[static_cast<std::size_t>(op[2])]));
    }
    const tw::Var loss = tw::mean(tw::square(tw::matmul(values_.back(), weight_) + bias_));
    tw::backward(loss);
    return loss.item();
  }

 private:
  tw::Var value(std::int64_t kind, const tw::Var& a, const tw::Var& b) const {
    switch (kind) {
      case 0: return tw::tanh(a);
      case 1: return tw::sigmoid(a);
      case 2: return tw::relu(a) * 0.5;
      case 3: return (a + b) * 0.5;
      case 4: return a - b * 0.25;
      case 5: return tw::tanh(a * b);
      case 6: return tw::tanh(tw::matmul(a, weight_) + bias_);
      case 7: return a - tw::mean(b, 0, true);
      default: return tw::softmax(a);
    }
  }

  tw::Tensor lengths_, ops_, input_;
  tw::ParameterRegistry registry_;
  tw::Parameter weight_, bias_;
  std::vector<tw::Var> values_;
  std::int64_t next_graph_ = 0, next_op_ = 0;
};

}  // namespace

Measurement run_random_graphs(const Spec& spec) {
  RandomGraphs graphs(spec);
  const std::int64_t block = spec.integer("block");
  double sum = 0;
  std::int64_t most_bytes = 0;
  const auto next_block = [&] {
    const std::int64_t before = graphs.ops();
    sum = 0;
    for (std::int64_t i = 0; i < block; ++i) {
      sum += graphs.run_next();
      most_bytes = std::max(most_bytes, tw::statistics().recording_bytes);
    }
    return static_cast<double>(graphs.ops() - before);
  };
  next_block();
  const double first_sum = sum;
  Measurement result = measure_once_each(spec, next_block, [&] { return graphs.at_end(); });
  result.check = {first_sum};
  result.step.recording_bytes = most_bytes;
  return result;
}

}  // namespace bench
