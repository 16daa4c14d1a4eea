// random_graphs [COUNT [SEED]]: programs whose structure never repeats. COUNT random graphs (10,000) are recorded,
// differentiated, planned and run once each. Prints the time per recorded op, backward pass included, and how much memory
// recordings and plans took at most, as a JSON line.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include <thalweg/thalweg.hpp>

namespace tw = thalweg;

namespace {

/// Makes graphs of 16 to 144 ops on 8 × 16 matrices, each op of values chosen anywhere before it.
class Graphs {
 public:
  explicit Graphs(std::uint64_t seed) : random_(seed) {
    weight_ = registry_.add("weight", tw::xavier_normal({16, 16}));
    bias_ = registry_.add("bias", tw::zeros({16}));
  }

  /// Records, differentiates and runs one; returns the loss.
  double run() {
    const tw::Tape tape;
    values_.assign({tw::Var(input_)});
    shape_ = 0;
    const std::size_t length = 16 + random_() % 129;
    while (values_.size() < length) values_.push_back(op());
    const tw::Var loss = tw::mean(tw::square(tw::matmul(values_.back(), weight_) + bias_));
    tw::backward(loss);
    ops_ += static_cast<std::int64_t>(length) + 3;
    return loss.item();
  }

  std::int64_t ops() const { return ops_; }
  /// Tells the structure of the last graph from others.
  std::uint64_t shape() const { return shape_; }

 private:
  const tw::Var& any() {
    const std::uint64_t place = random_() % values_.size();
    shape_ = (shape_ ^ place) * 0x9E3779B97F4A7C15u;
    return values_[place];
  }

  tw::Var op() {
    const std::uint64_t kind = random_() % 9;
    shape_ = (shape_ ^ kind) * 0xC2B2AE3D27D4EB4Fu;
    switch (kind) {
      case 0: return tw::tanh(any());
      case 1: return tw::sigmoid(any());
      case 2: return tw::relu(any()) * 0.5;
      case 3: return (any() + any()) * 0.5;
      case 4: return any() - any() * 0.25;
      case 5: return tw::tanh(any() * any());
      case 6: return tw::tanh(tw::matmul(any(), weight_) + bias_);
      case 7: return any() - tw::mean(any(), 0, true);
      default: return tw::softmax(any());
    }
  }

  std::mt19937_64 random_;
  tw::ParameterRegistry registry_;
  tw::Parameter weight_, bias_;
  tw::Tensor input_ = tw::Tensor::full({8, 16}, 0.5);
  std::vector<tw::Var> values_;
  std::int64_t ops_ = 0;
  std::uint64_t shape_ = 0;
};

double peak_megabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const long count = argc > 1 ? std::atol(argv[1]) : 10'000;
  tw::set_thread_count(1);
  Graphs graphs(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  std::unordered_set<std::uint64_t> seen;
  std::int64_t most_bytes = 0;
  double sum = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (long i = 0; i < count; ++i) {
    sum += graphs.run();
    most_bytes = std::max(most_bytes, tw::statistics().recording_bytes);
    seen.insert(graphs.shape());
  }
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
  fmt::print(R"({{"row": "random_graphs", "peer": "thalweg", "unit": "ns/op", "value": {:.1f}, "graphs": {}, )"
             R"("different": {}, "ops": {}, "recording_mb": {:.1f}, "peak_rss_mb": {:.1f}, "check": [{:.9g}]}})"
             "\n",
             time.count() / static_cast<double>(graphs.ops()), count, seen.size(), graphs.ops(),
             static_cast<double>(most_bytes) / (1 << 20), peak_megabytes(), sum / static_cast<double>(count));
}
