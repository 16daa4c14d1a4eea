// growth [SECONDS [PASSES [DIRECTION]]]: time of a training step against width, depth, batch size and length of a sequence, as
// JSON lines, which bench/growth draws. Each point is the median over the passes of the median of blocks of steps: a pass
// goes through all points, so a disturbance of some seconds changes none of them.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
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

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
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
  return median(std::move(blocks));
}

tw::Tensor numbers(const tw::Shape& shape, std::uint64_t seed) {
  tw::Random random(seed);
  return tw::compute([&] { return tw::normal(shape, random); });
}

class Model {
 public:
  virtual ~Model() = default;
  virtual void step() = 0;
  virtual std::int64_t parameters() const = 0;
};

/// An affine net with relu, its mean squared error and SGD.
class Net final : public Model {
 public:
  Net(const std::vector<std::int64_t>& widths, std::int64_t batch)
      : inputs_(numbers({batch, widths.front()}, 1)), targets_(numbers({batch, widths.back()}, 2)) {
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      weights_.push_back(
          registry_.add(fmt::format("affine{}.weight", i + 1), tw::he_normal({widths[i], widths[i + 1]})));
      biases_.push_back(registry_.add(fmt::format("affine{}.bias", i + 1), tw::zeros({widths[i + 1]})));
    }
  }

  void step() override {
    tw::Tape tape;
    tw::Var x = inputs_;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      x = tw::matmul(x, weights_[i]) + biases_[i];
      if (i + 1 < weights_.size()) x = tw::relu(x);
    }
    tw::backward(tw::mean_squared_error(x, targets_));
    optimizer_.step();
  }

  std::int64_t parameters() const override { return registry_.element_count(); }

 private:
  tw::Tensor inputs_, targets_;
  tw::ParameterRegistry registry_;
  std::vector<tw::Parameter> weights_, biases_;
  tw::SGD optimizer_{registry_, {.learning_rate = 1e-4}};
};

/// A recurrent net of 64 units that reads sequences of 32 numbers, 16 at a time.
class RecurrentNet final : public Model {
 public:
  explicit RecurrentNet(std::int64_t length) : inputs_(numbers({length, 16, 32}, 1)) {}

  void step() override {
    tw::Tape tape;
    tw::Var hidden = tw::Tensor::zeros({16, 64});
    for (std::int64_t t = 0; t < inputs_.shape()[0]; ++t)
      hidden = tw::tanh(tw::matmul(tw::squeeze(tw::slice(inputs_, 0, t, t + 1), 0), input_) +
                        tw::matmul(hidden, hidden_) + bias_);
    tw::backward(tw::mean(tw::square(hidden)));
    optimizer_.step();
  }

  std::int64_t parameters() const override { return registry_.element_count(); }

 private:
  tw::Tensor inputs_;
  tw::ParameterRegistry registry_;
  tw::Parameter input_ = registry_.add("input", tw::lecun_normal({32, 64}));
  tw::Parameter hidden_ = registry_.add("hidden", tw::lecun_normal({64, 64}));
  tw::Parameter bias_ = registry_.add("bias", tw::zeros({64}));
  tw::SGD optimizer_{registry_, {.learning_rate = 1e-3}};
};

struct Point {
  std::string direction;
  std::int64_t size;
  std::function<std::unique_ptr<Model>()> make;
  std::int64_t parameters = 0;
  std::vector<double> seconds = {};  // a step's, by pass
};

std::vector<Point> all_points() {
  std::vector<Point> points;
  const auto add = [&](const char* direction, std::int64_t most, const auto& make) {
    for (std::int64_t size = 1; size <= most; size *= 2)
      points.push_back({direction, size, [=] { return make(size); }});
  };
  const auto net = [](const std::vector<std::int64_t>& widths, std::int64_t batch) {
    return std::make_unique<Net>(widths, batch);
  };
  add("width", 2048, [net](std::int64_t width) { return net({width, width, width, 1}, 32); });
  add("depth", 8192, [net](std::int64_t depth) {
    std::vector<std::int64_t> widths(static_cast<std::size_t>(depth) + 1, 32);
    widths.push_back(1);
    return net(widths, 32);
  });
  add("batch", 16384, [net](std::int64_t batch) { return net({784, 100, 10}, batch); });
  add("length", 4096, [](std::int64_t length) { return std::make_unique<RecurrentNet>(length); });
  return points;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.1;
  const int passes = argc > 2 ? std::atoi(argv[2]) : 5;
  std::vector<Point> points = all_points();
  if (argc > 3) std::erase_if(points, [&](const Point& point) { return point.direction != argv[3]; });
  tw::set_thread_count(1);
  // The gradients of the deepest nets and longest sequences vanish: without this the time of subnormals is what grows.
  const tw::FlushSubnormals flush;
  for (int pass = 0; pass < passes; ++pass)
    for (Point& point : points) {
      const std::unique_ptr<Model> model = point.make();
      point.parameters = model->parameters();
      point.seconds.push_back(time_of([&] { model->step(); }, seconds));
    }
  for (const Point& point : points)
    fmt::print(R"({{"direction": "{}", "size": {}, "parameters": {}, "seconds": {:.6g}}})"
               "\n",
               point.direction, point.size, point.parameters, median(point.seconds));
}
