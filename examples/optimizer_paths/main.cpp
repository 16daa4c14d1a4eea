// The way of every optimizer down f(x, y) = x²/20 + y² from (−7, 2), for the pictures of docs/optimizers.md: writes
// NAME.dat, a line "x y" for each point, into the folder named.

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include <thalweg/thalweg.hpp>

namespace tw = thalweg;

namespace {

using Make = std::function<std::unique_ptr<tw::Optimizer>(tw::ParameterRegistry&)>;

template <class Type, class Options>
Make maker(Options options, double rate) {
  options.learning_rate = rate;
  return [options](tw::ParameterRegistry& registry) { return std::make_unique<Type>(registry, options); };
}

/// One parameter of two numbers; its loss, with gradients filled.
double descend(const tw::Parameter& point) {
  const tw::Tape tape;
  const tw::Tensor steepness({{1 / 20., 1.}}, tw::f64);
  const tw::Var loss = tw::sum(steepness * tw::square(point));
  tw::backward(loss);
  return loss.item();
}

void write(std::ofstream& file, const tw::Parameter& point) {
  const tw::Tensor value = point.value();
  file << value.data<double>()[0] << ' ' << value.data<double>()[1] << '\n';
}

void write_path(const std::filesystem::path& path, const Make& make, int steps) {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Parameter point = registry.add("point", tw::Tensor({{-7., 2.}}, tw::f64));
  const std::unique_ptr<tw::Optimizer> optimizer = make(registry);
  std::ofstream file(path);
  write(file, point);
  for (int i = 0; i < steps; ++i) {
    if (auto* const lbfgs = dynamic_cast<tw::LBFGS*>(optimizer.get())) {
      lbfgs->step([&] { return descend(point); });
    } else {
      descend(point);
      optimizer->step();
    }
    write(file, point);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "optimizer_paths FOLDER\n";
    return 2;
  }
  struct Path {
    const char* name;
    Make make;
    int steps = 30;
  };
  const Path paths[] = {
      {"sgd", maker<tw::SGD>(tw::SGDOptions{}, 0.95)},
      {"momentum", maker<tw::Momentum>(tw::MomentumOptions{}, 0.1)},
      {"nag", maker<tw::NAG>(tw::NAGOptions{}, 0.1)},
      {"adagrad", maker<tw::AdaGrad>(tw::AdaGradOptions{}, 1.5)},
      {"rmsprop", maker<tw::RMSProp>(tw::RMSPropOptions{}, 0.1)},
      {"adadelta", maker<tw::AdaDelta>(tw::AdaDeltaOptions{.epsilon = 1e-2}, 1)},
      {"adam", maker<tw::Adam>(tw::AdamOptions{}, 0.3)},
      {"adamw", maker<tw::AdamW>(tw::AdamWOptions{.weight_decay = 0.1}, 0.3)},
      {"amsgrad", maker<tw::AMSGrad>(tw::AMSGradOptions{}, 0.3)},
      {"nadam", maker<tw::NAdam>(tw::NAdamOptions{}, 0.3)},
      {"radam", maker<tw::RAdam>(tw::RAdamOptions{}, 0.5)},
      {"adamax", maker<tw::AdaMax>(tw::AdaMaxOptions{}, 0.4)},
      {"lion", maker<tw::Lion>(tw::LionOptions{}, 0.3)},
      {"asgd", maker<tw::ASGD>(tw::ASGDOptions{.decay = 0.05}, 0.9)},
      {"rprop", maker<tw::Rprop>(tw::RpropOptions{}, 0.3)},
      {"lamb", maker<tw::LAMB>(tw::LAMBOptions{}, 0.1)},
      {"muon", maker<tw::Muon>(tw::MuonOptions{}, 0.4)},
      {"lbfgs", maker<tw::LBFGS>(tw::LBFGSOptions{.iterations = 1}, 1), 10},
  };
  for (const Path& path : paths)
    write_path(std::filesystem::path(argv[1]) / (std::string(path.name) + ".dat"), path.make, path.steps);
  return 0;
}
