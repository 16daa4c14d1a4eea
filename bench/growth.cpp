// growth [SECONDS]: time of a training step against width, depth, batch and length of a sequence, as JSON lines; bench/growth
// draws them. Each point is the median of blocks of steps.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <thalweg/thalweg.hpp>

namespace tw = thalweg;

namespace {

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// The median time of a step, of blocks of a hundredth of `seconds`.
double time_of(const std::function<void()>& step, double seconds) {
  step();
  step();
  const double once = seconds_of(step);
  const int count = std::max(1, static_cast<int>(seconds / 100 / std::max(once, 1e-9)));
  std::vector<double> blocks;
  for (double spent = 0; spent < seconds || blocks.size() < 3; spent += blocks.back() * count)
    blocks.push_back(seconds_of([&] {
                       for (int i = 0; i < count; ++i) step();
                     }) /
                     count);
  std::nth_element(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(blocks.size() / 2), blocks.end());
  return blocks[blocks.size() / 2];
}

tw::Tensor numbers(const tw::Shape& shape, std::uint64_t seed) {
  tw::Random random(seed);
  return tw::compute([&] { return tw::normal(shape, random); });
}

/// An affine net with relu, its mean squared error and SGD.
class Net {
 public:
  Net(const std::vector<std::int64_t>& widths, std::int64_t batch)
      : inputs_(numbers({batch, widths.front()}, 1)), targets_(numbers({batch, widths.back()}, 2)) {
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      weights_.push_back(
          registry_.add(fmt::format("affine{}.weight", i + 1), tw::he_normal({widths[i], widths[i + 1]})));
      biases_.push_back(registry_.add(fmt::format("affine{}.bias", i + 1), tw::zeros({widths[i + 1]})));
    }
  }

  void step() {
    tw::Tape tape;
    tw::Var x = inputs_;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      x = tw::matmul(x, weights_[i]) + biases_[i];
      if (i + 1 < weights_.size()) x = tw::relu(x);
    }
    tw::backward(tw::mean_squared_error(x, targets_));
    optimizer_.step();
  }

  std::int64_t parameters() const { return registry_.element_count(); }

 private:
  tw::Tensor inputs_, targets_;
  tw::ParameterRegistry registry_;
  std::vector<tw::Parameter> weights_, biases_;
  tw::SGD optimizer_{registry_, {.learning_rate = 1e-4}};
};

/// A recurrent net of 64 units that reads sequences of 32 numbers, 16 at a time.
class RecurrentNet {
 public:
  explicit RecurrentNet(std::int64_t length) : inputs_(numbers({length, 16, 32}, 1)) {}

  void step() {
    tw::Tape tape;
    tw::Var hidden = tw::Tensor::zeros({16, 64});
    for (std::int64_t t = 0; t < inputs_.shape()[0]; ++t)
      hidden = tw::tanh(tw::matmul(tw::squeeze(tw::slice(inputs_, 0, t, t + 1), 0), input_) +
                        tw::matmul(hidden, hidden_) + bias_);
    tw::backward(tw::mean(tw::square(hidden)));
    optimizer_.step();
  }

  std::int64_t parameters() const { return registry_.element_count(); }

 private:
  tw::Tensor inputs_;
  tw::ParameterRegistry registry_;
  tw::Parameter input_ = registry_.add("input", tw::lecun_normal({32, 64}));
  tw::Parameter hidden_ = registry_.add("hidden", tw::lecun_normal({64, 64}));
  tw::Parameter bias_ = registry_.add("bias", tw::zeros({64}));
  tw::SGD optimizer_{registry_, {.learning_rate = 1e-3}};
};

template <class Model>
void measure(const char* direction, std::int64_t size, Model&& model, double seconds) {
  const double time = time_of([&] { model.step(); }, seconds);
  fmt::print(R"({{"direction": "{}", "size": {}, "parameters": {}, "seconds": {:.6g}}})"
             "\n",
             direction, size, model.parameters(), time);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.5;
  tw::set_thread_count(1);
  for (std::int64_t width = 1; width <= 2048; width *= 2)
    measure("width", width, Net({width, width, width, 1}, 32), seconds);
  for (std::int64_t depth = 1; depth <= 1024; depth *= 2) {
    std::vector<std::int64_t> widths(static_cast<std::size_t>(depth), 32);
    widths.insert(widths.begin(), 32);
    widths.push_back(1);
    measure("depth", depth, Net(widths, 32), seconds);
  }
  for (std::int64_t batch = 1; batch <= 16384; batch *= 2) measure("batch", batch, Net({784, 100, 10}, batch), seconds);
  for (std::int64_t length = 1; length <= 1024; length *= 2) measure("length", length, RecurrentNet(length), seconds);
}
