// Stopping a run and going on from its file, here and in another process with another number of threads.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>

#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <unistd.h>
#include <thalweg/thalweg.hpp>

#include "tests/registry/thrown.hpp"

using namespace thalweg;
using test::thrown;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t last_step = 12;

/// A folder that is removed at the end.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / fmt::format("thalweg_checkpoint_{}", ::getpid())) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

using Make = std::function<std::unique_ptr<Optimizer>(ParameterRegistry&, const Schedule&)>;
struct OptimizerKind {
  const char* name;
  Make make;
};

template <class Type, class Options>
OptimizerKind kind(const char* name, Options options = {}) {
  return {name, [options](ParameterRegistry& registry, const Schedule& rate) {
            Options its = options;
            its.learning_rate = rate;
            return std::make_unique<Type>(registry, its);
          }};
}

const std::vector<OptimizerKind>& kinds() {
  static const std::vector<OptimizerKind> all = {
      kind<SGD>("sgd", SGDOptions{}),
      kind<Momentum>("momentum", MomentumOptions{.dampening = 0.1}),
      kind<NAG>("nag", NAGOptions{}),
      kind<AdaGrad>("adagrad", AdaGradOptions{.initial_sum = 0.1, .rate_decay = 0.1}),
      kind<RMSProp>("rmsprop", RMSPropOptions{.momentum = 0.5, .centered = true}),
      kind<AdaDelta>("adadelta", AdaDeltaOptions{}),
      kind<Adam>("adam", AdamOptions{.weight_decay = 0.01, .gradient = {.clip_norm = 1}}),
      kind<AdamW>("adamw", AdamWOptions{.groups = {{"*.bias", [](auto& o) { o.weight_decay = 0; }}}}),
      kind<AMSGrad>("amsgrad", AMSGradOptions{}),
      kind<NAdam>("nadam", NAdamOptions{}),
      kind<RAdam>("radam", RAdamOptions{}),
      kind<AdaMax>("adamax", AdaMaxOptions{}),
      kind<Lion>("lion", LionOptions{}),
      kind<ASGD>("asgd", ASGDOptions{.start = 3}),
      kind<Rprop>("rprop", RpropOptions{}),
      kind<LAMB>("lamb", LAMBOptions{.weight_decay = 0.01}),
      {"muon",
       [](ParameterRegistry& registry, const Schedule& rate) {
         return std::make_unique<Muon>(registry.select("*.weight"), MuonOptions{.learning_rate = rate});
       }},
      kind<LBFGS>("lbfgs", LBFGSOptions{.history = 3, .iterations = 2}),
  };
  return all;
}

/// A small net with dropout, its batches, a schedule, a plateau and an average of its parameters.
struct Run {
  ParameterRegistry registry{{.seed = 5}};
  Parameter weight1 = registry.add("affine1.weight", he_normal({50, 300}));
  Parameter bias1 = registry.add("affine1.bias", zeros({300}));
  Parameter weight2 = registry.add("affine2.weight", he_normal({300, 10}));
  Parameter bias2 = registry.add("affine2.bias", zeros({10}));
  Parameter seen = registry.add("seen", zeros({}), {.trainable = false});
  ReduceOnPlateau plateau{0.01, {.factor = 0.5, .patience = 0, .threshold = 0.05}};
  std::unique_ptr<Optimizer> optimizer;
  ParameterAverage average{registry, {.decay = 0.9}};
  Random random{7};
  std::int64_t step = 0;
  double lowest = 1e300;
  Checkpoint checkpoint{registry};

  explicit Run(const OptimizerKind& kind) {
    const Schedule cosine = schedules::warm_up({.steps = 4}, schedules::cosine({.from = 0.02, .to = 0, .steps = 20}));
    optimizer = kind.make(
        registry, [cosine, falling = plateau.schedule()](std::int64_t n) { return cosine(n) * falling(n) * 100; });
    checkpoint.add(*optimizer)
        .add(average)
        .add("dropout", random)
        .add("plateau", plateau)
        .add("step", step)
        .add("lowest", lowest);
  }

  void go_on_to(std::int64_t end) {
    for (; step < end; ++step) {
      std::vector<double> numbers(64 * 50);
      std::vector<std::int64_t> classes(64);
      fill_uniform(std::span(numbers), random.next_source());
      fill_indices(std::span(classes), 10, random.next_source());
      const Tensor x = Tensor::from(std::span<const double>(numbers), {64, 50}).to(f32);
      const Tensor labels = Tensor::from(std::span<const std::int64_t>(classes), {64});
      const auto learn = [&] {
        const Var hidden = dropout(relu(matmul(x, weight1) + bias1), 0.2, random);
        const Var loss = softmax_cross_entropy(matmul(hidden, weight2) + bias2, labels);
        backward(loss);
        assign(seen, Var(seen) + 1);
        return loss.item();
      };
      double value = 0;
      if (auto* const lbfgs = dynamic_cast<LBFGS*>(optimizer.get())) {
        value = lbfgs->step([&] {
          const Tape tape;
          return learn();
        });
      } else {
        const Tape tape;
        value = learn();
        optimizer->step();
      }
      average.step();
      plateau.observe(value);
      lowest = std::min(lowest, value);
    }
  }
};

std::string file_name(const OptimizerKind& kind, std::int64_t stop) { return fmt::format("{}_{}", kind.name, stop); }
constexpr std::int64_t stops[] = {0, 1, 5, 11};

}  // namespace

/// Goes on with the runs that the test below has stopped.
TEST_CASE("checkpoint: the other process", "[.][other-process]") {
  const char* const folder = std::getenv("THALWEG_TEST_FOLDER");
  REQUIRE(folder != nullptr);
  set_thread_count(3);
  for (const OptimizerKind& kind : kinds())
    for (const std::int64_t stop : stops) {
      Run run(kind);
      const std::string path = std::string(folder) + "/" + file_name(kind, stop);
      run.checkpoint.load(path);
      CHECK(run.step == stop);
      run.go_on_to(last_step);
      run.checkpoint.save(path + "_end");
    }
}

TEST_CASE("edge case 49: a run that is stopped after any step and resumed gives the same bits, in another process too",
          "[optim]") {
  const Folder folder;
  for (const OptimizerKind& kind : kinds()) {
    const Threads limit(1);
    Run run(kind);
    for (const std::int64_t stop : stops) {
      run.go_on_to(stop);
      run.checkpoint.save(folder.file(file_name(kind, stop)));
    }
    run.go_on_to(last_step);
    run.checkpoint.save(folder.file(kind.name));
  }
  // Here, into a run that has gone elsewhere meanwhile.
  for (const OptimizerKind& kind : kinds()) {
    Run run(kind);
    run.go_on_to(3);
    run.checkpoint.load(folder.file(file_name(kind, 5)));
    run.go_on_to(last_step);
    run.checkpoint.save(folder.file("here"));
    CAPTURE(kind.name);
    CHECK(bytes_of(folder.file("here")) == bytes_of(folder.file(kind.name)));
  }
  const std::string command =
      fmt::format("THALWEG_TEST_FOLDER='{}' '{}' '[other-process]' >'{}' 2>&1", folder.path().string(),
                  fs::read_symlink("/proc/self/exe").string(), folder.file("log"));
  const int status = std::system(command.c_str());
  CAPTURE(bytes_of(folder.file("log")));
  REQUIRE(status == 0);
  for (const OptimizerKind& kind : kinds())
    for (const std::int64_t stop : stops) {
      CAPTURE(kind.name, stop);
      CHECK(bytes_of(folder.file(file_name(kind, stop) + "_end")) == bytes_of(folder.file(kind.name)));
    }
}

TEST_CASE("checkpoint: parameters added, frozen or unfrozen on the way keep their own counts of steps", "[optim]") {
  const Folder folder;
  struct Grown {
    ParameterRegistry registry{{.dtype = f64}};
    Parameter a = registry.add("a", ones({3}));
    Adam adam{registry};
    Checkpoint checkpoint{registry};
    Parameter b;
    Grown() { checkpoint.add(adam); }
    void grow() { b = registry.add("b", ones({2})); }
    void train(int steps) {
      for (int i = 0; i < steps; ++i) {
        Tape tape;
        Var loss = sum(square(a) * 3);
        if (!b.empty()) loss = loss + sum(square(b));
        backward(loss);
        adam.step();
      }
    }
  };
  Grown whole;
  whole.train(4);
  whole.grow();
  whole.train(2);
  whole.checkpoint.save(folder.file("grown"));
  whole.train(3);
  Grown resumed;
  resumed.grow();
  resumed.checkpoint.load(folder.file("grown"));
  resumed.train(3);
  CHECK(identical(whole.a.value(), resumed.a.value()));
  CHECK(identical(whole.b.value(), resumed.b.value()));
}

TEST_CASE("checkpoint: a learning rate set as a number is restored, one of the program's is not", "[optim]") {
  const Folder folder;
  struct Trained {
    ParameterRegistry registry{{.dtype = f64}};
    Parameter a = registry.add("a", ones({3})), b = registry.add("b", ones({2}));
    Adam adam;
    Checkpoint checkpoint{registry};
    explicit Trained(const Schedule& rate)
        : adam(registry, {.learning_rate = rate, .groups = {{"b", [](auto& o) { o.weight_decay = 0.1; }}}}) {
      checkpoint.add(adam);
    }
    void train(int steps) {
      for (int i = 0; i < steps; ++i) {
        const Tape tape;
        backward(sum(square(a) * 3) + sum(square(b)));
        adam.step();
      }
    }
  };
  Trained whole(0.1);
  whole.train(2);
  whole.checkpoint.save(folder.file("as given"));
  whole.adam.set_learning_rate(0.02);
  whole.train(2);
  whole.checkpoint.save(folder.file("set"));
  whole.train(3);

  Trained resumed(0.1);
  resumed.checkpoint.load(folder.file("set"));
  CHECK(resumed.adam.learning_rate() == 0.02);
  resumed.train(3);
  CHECK(identical(whole.a.value(), resumed.a.value()));
  CHECK(identical(whole.b.value(), resumed.b.value()));

  // From a run without: back to what the program has given, whether in the options or later as a schedule.
  resumed.checkpoint.load(folder.file("as given"));
  CHECK(resumed.adam.learning_rate() == 0.1);
  Trained another(0.3);
  another.checkpoint.load(folder.file("as given"));
  CHECK(another.adam.learning_rate() == 0.3);
  another.adam.set_learning_rate([](std::int64_t n) { return 1. / static_cast<double>(n + 1); });
  another.checkpoint.save(folder.file("schedule"));
  another.adam.set_learning_rate(0.5);
  another.checkpoint.load(folder.file("schedule"));
  another.adam.set_step_count(3);
  CHECK(another.adam.learning_rate() == 0.25);
}

TEST_CASE("checkpoint: files that do not fit are named, with what was expected and found, and nothing changes",
          "[optim]") {
  const Folder folder;
  const std::string path = folder.file("run");
  const SourceLine line{"main.cpp", 3};
  ParameterRegistry registry;
  Parameter w = registry.add("w", ones({2, 3}));
  Momentum momentum(registry);
  Random random(1);
  std::int64_t epoch = 7;
  Checkpoint checkpoint(registry);
  checkpoint.add(momentum).add("order", random).add("epoch", epoch);
  {
    Tape tape;
    backward(sum(square(w)));
    momentum.step();
  }
  const Tensor saved = w.value(), velocity = registry.state("momentum.velocity/w");
  checkpoint.save(path);
  const auto rejected = [&](const Checkpoint& other) {
    const std::string text = thrown<IoError>([&] { other.load(path, line); });
    const std::string begin = fmt::format("[checkpoint] {}: ", path), end = " at main.cpp:3";
    CHECK(text.starts_with(begin));
    CHECK(text.ends_with(end));
    return text.substr(begin.size(), text.size() - begin.size() - end.size());
  };
  {
    ParameterRegistry other;
    const Parameter v = other.add("w", zeros({3, 2}));
    const Checkpoint its(other);
    CHECK(rejected(its) == "expected \"parameter/w\" as f32 (3, 2), found f32 (2, 3)");
    CHECK(identical(v.value(), Tensor::zeros({3, 2})));
  }
  {
    ParameterRegistry other({.dtype = f64});
    other.add("w", zeros({2, 3}));
    CHECK(rejected(Checkpoint(other)) == "expected \"parameter/w\" as f64 (2, 3), found f32 (2, 3)");
  }
  {
    ParameterRegistry other;
    other.add("w", zeros({2, 3}));
    other.add("v", zeros({2, 3}));
    CHECK(rejected(Checkpoint(other)) == "expected \"parameter/v\", found no such tensor");
  }
  {
    const ParameterRegistry unused;
    ParameterRegistry other;
    CHECK(rejected(Checkpoint(other)) == "found \"parameter/w\", which the registry does not have");
  }
  {
    ParameterRegistry other;
    const Parameter v = other.add("w", zeros({2, 3}));
    Adam adam(other);
    Checkpoint its(other);
    its.add(adam);
    CHECK(rejected(its) == "expected the optimizer \"adam\", found \"momentum\"");
    CHECK(identical(v.value(), Tensor::zeros({2, 3})));
    CHECK(adam.step_count() == 0);
  }
  {
    ParameterRegistry other;
    const Parameter v = other.add("w", zeros({2, 3}));
    Momentum its_momentum(other);
    Random its_random(2);
    Checkpoint its(other);
    its.add(its_momentum).add("order", its_random);
    CHECK(rejected(its) == "expected the random \"order\" of seed 2 and stream 0, found 1 and 0");
    CHECK(identical(v.value(), Tensor::zeros({2, 3})));
    CHECK(its_momentum.step_count() == 0);
    Checkpoint weights_only(other);
    weights_only.load(path);
    CHECK(identical(v.value(), saved));
  }
  w.set_value(Tensor::zeros({2, 3}));
  epoch = 9;
  const std::string whole = bytes_of(path);
  for (std::size_t length = 0; length < whole.size(); length += length < 16 ? 1 : 13) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, length);
    CHECK_THROWS_AS(checkpoint.load(path), IoError);
  }
  std::ofstream(path, std::ios::binary) << whole.substr(0, 8) << std::string(whole.size() - 8, '{');
  CHECK_THROWS_AS(checkpoint.load(path), IoError);
  CHECK(thrown<IoError>([&] { checkpoint.load(folder.file("none"), line); }) ==
        fmt::format("[safetensors] {}: it cannot be opened: No such file or directory at main.cpp:3",
                    folder.file("none")));
  CHECK(thrown<IoError>([&] { checkpoint.save(folder.file("none/run"), line); }) ==
        fmt::format("[safetensors] {}: it cannot be written: No such file or directory at main.cpp:3",
                    folder.file("none/run")));
  CHECK(epoch == 9);
  CHECK(identical(w.value(), Tensor::zeros({2, 3})));
  CHECK(identical(registry.state("momentum.velocity/w"), velocity));
  std::ofstream(path, std::ios::binary) << whole;
  checkpoint.load(path);
  CHECK(identical(w.value(), saved));
  CHECK(epoch == 7);
  // No unfinished file stays behind.
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("checkpoint: names are given once, and an optimizer's registry must be its own", "[optim]") {
  ParameterRegistry registry, other;
  registry.add("w", ones({1}));
  other.add("w", ones({1}));
  SGD sgd(registry), elsewhere(other);
  Random random;
  std::int64_t epoch = 0;
  Checkpoint checkpoint(registry);
  checkpoint.add(sgd).add("order", random);
  CHECK_THROWS_AS(checkpoint.add(sgd), ValueError);
  CHECK_THROWS_AS(checkpoint.add(elsewhere), ValueError);
  CHECK_THROWS_AS(checkpoint.add("order", epoch), ValueError);
}

TEST_CASE("edge case 31: subnormals survive a file; what a tape has read before is stale after loading", "[optim]") {
  const Folder folder;
  ParameterRegistry registry({.dtype = f64});
  const Parameter w = registry.add("w", constant({2}, 1e-310));
  const Checkpoint checkpoint(registry);
  checkpoint.save(folder.file("run"));
  Tape tape;
  const Var before = Var(w) * 2;
  checkpoint.load(folder.file("run"));
  CHECK_THROWS_AS(before.value(), TapeError);
  CHECK(identical(w.value(), Tensor::full({2}, 1e-310, f64)));
}
