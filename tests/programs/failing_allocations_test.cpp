// What happens when memory runs out: allocation number k of a step fails, for each k until the step gets through. The
// exception reaches the caller, parameters are as before or as after, and the same step done again gives the right bits.
// Under the address sanitizer it also shows that nothing leaks.
#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>

#include "tests/tape/helpers.hpp"

namespace {

thread_local long left_until_failure = -1;  // −1: none fails

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (left_until_failure > 0 && --left_until_failure == 0) throw std::bad_alloc();
  void* const block = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::aligned_alloc(alignof(std::max_align_t), (bytes + 15) / 16 * 16);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }

using namespace thalweg;
using namespace thalweg::testing;

namespace {

using Tensors = std::vector<Tensor>;

bool are_identical(const Tensors& a, const Tensors& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor& x, const Tensor& y) { return identical(x, y); });
}

/// A step with all that one may need, and its state.
struct Program {
  TapeOptions options;
  ParameterRegistry registry{{.seed = 1}};
  Parameter weight = registry.add("weight", he_normal({6, 5})), bias = registry.add("bias", zeros({5}));
  Parameter average = registry.add("average", zeros({5}), {.trainable = false});
  Adam optimizer{registry};
  Tensor inputs = noise({4, 6}, 1);
  Tensors results = {};

  void step() {
    results.clear();
    Tape tape(options);
    const Var x = tanh(matmul(inputs, weight) + bias);
    assign(average, mean(x, {0}));
    const Var loss = mean(square(x) * 0.5);
    results.push_back(sum(x, {0}).value());
    results.push_back(gradients(loss, {x})[0].value());
    backward(loss);
    optimizer.step();
    results.push_back(Tensor(loss.item()));
    results.push_back(compute([&] { return exp(inputs * 0.5) + 1.0; }));
  }

  Tensors trained() const { return {weight.value(), bias.value()}; }
};

/// What the steps give if nothing fails.
struct Expected {
  std::vector<Tensors> trained, results;
  Tensors averages;

  Expected(const TapeOptions& options, int steps) {
    Program program{options};
    for (int i = 0; i <= steps; ++i) {
      trained.push_back(program.trained());
      averages.push_back(program.average.value());
      program.step();
      results.push_back(program.results);
    }
    trained.push_back(program.trained());
    averages.push_back(program.average.value());
  }
};

enum class Outcome { got_through, failed };

/// After `warm` steps, lets allocation number `failing` of the next one fail, and does that step again. On a thread that
/// has recorded nothing before. `complaint` says what is wrong.
Outcome run(const TapeOptions& options, int warm, long failing, const Expected& expected, std::string& complaint) {
  Program program{options};
  Outcome outcome = Outcome::failed;
  const auto try_all = [&] {
    for (int i = 0; i < warm; ++i) program.step();
    bool has_thrown = false;
    left_until_failure = failing;
    try {
      program.step();
    } catch (const std::exception&) {
      has_thrown = true;
    }
    const bool is_through = left_until_failure > 0;
    left_until_failure = -1;
    if (is_through) {
      outcome = Outcome::got_through;
      return;
    }
    const auto now = static_cast<std::size_t>(warm);
    const bool is_after = !are_identical(program.trained(), expected.trained[now]);
    if (is_after && !are_identical(program.trained(), expected.trained[now + 1]))
      complaint = "parameters are neither as before nor as after";
    const Tensor average = program.average.value();
    if (!identical(average, expected.averages[now]) && !identical(average, expected.averages[now + 1]))
      complaint = "the average is neither as before nor as after";
    // An allocation that the library can do without, such as for generated code, need not make the step throw.
    if (!has_thrown && (!is_after || !are_identical(program.results, expected.results[now])))
      complaint = "a step that did not throw has other results";
    program.step();
    if (!are_identical(program.results, expected.results[now + (is_after ? 1 : 0)]))
      complaint = "the step done again has other results";
    if (!are_identical(program.trained(), expected.trained[now + (is_after ? 2 : 1)]))
      complaint = "the step done again gives other parameters";
  };
  std::thread([&] {
    try {
      try_all();
    } catch (const std::exception& error) {
      left_until_failure = -1;
      complaint = fmt::format("the step done again throws: {}", error.what());
    }
  }).join();
  try {
    program.registry.add("another", zeros({1}));  // TapeError if a tape or a claim of that thread were still there
  } catch (const std::exception& error) {
    complaint = fmt::format("the registry is still in use: {}", error.what());
  }
  return outcome;
}

void fail_at_each(const TapeOptions& options, int warm, long least) {
  const Expected expected(options, warm + 1);
  long failing = 1;
  std::string complaint;
  while (run(options, warm, failing, expected, complaint) == Outcome::failed) {
    if (!complaint.empty()) FAIL_CHECK("after " << warm << " steps, allocation " << failing << ": " << complaint);
    complaint.clear();
    ++failing;
  }
  CHECK(failing > least);
}

}  // namespace

TEST_CASE("out of memory: a step that throws leaves parameters whole, and works when it is done again") {
  fail_at_each({}, 0, 100);
  fail_at_each({}, 1, 1);
  fail_at_each({}, 2, 1);
  fail_at_each({}, 3, 0);
}

TEST_CASE("out of memory: on an eager tape, and on one that detects anomalies") {
  fail_at_each({.engine = Engine::eager}, 0, 100);
  fail_at_each({.engine = Engine::eager}, 1, 10);
  fail_at_each({.detect_anomaly = true}, 0, 100);
  fail_at_each({.detect_anomaly = true}, 1, 0);
}
