// Rule 10: the steady state allocates nothing. Counts malloc, its kin and operator new of the whole process, in whatever
// library they are called, so it is a program of its own.
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "tests/tape/helpers.hpp"

namespace {

std::atomic<long> allocations{0};

}  // namespace

// glibc's own, under another name; operator new ends in malloc.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void* malloc(std::size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  ++allocations;
  return __libc_calloc(count, bytes);
}
void* realloc(void* block, std::size_t bytes) {
  ++allocations;
  return __libc_realloc(block, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  ++allocations;
  return __libc_memalign(alignment, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  ++allocations;
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) {
  ++allocations;
  *block = __libc_memalign(alignment, bytes);
  return *block == nullptr ? ENOMEM : 0;
}
#endif
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// Allocations of 20 steps after 6 that make the structures known.
template <class Step>
long allocations_of(Step&& step) {
  for (int i = 0; i < 6; ++i) step(i);
  const long before = allocations;
  for (int i = 6; i < 26; ++i) step(i);
  return allocations - before;
}

struct Batches {
  std::vector<Tensor> images, labels;
  Batches(std::int64_t size, std::int64_t features, std::int64_t classes) {
    for (std::uint64_t i = 0; i < 26; ++i) {
      images.push_back(noise({size, features}, i));
      labels.push_back(some_labels(size, classes, i));
    }
  }
};

template <class Optimizer>
long allocations_of_training(const std::vector<std::int64_t>& widths, bool normalize, double ratio, int threads = 1) {
  const Threads limit(threads);
  const Batches batches(128, widths.front(), widths.back());
  Network network(widths, normalize);
  Optimizer optimizer(network.registry);
  Random random(1);
  return allocations_of([&](int i) {
    const auto at = static_cast<std::size_t>(i);
    Tape tape;
    const Var loss = softmax_cross_entropy(network.logits(batches.images[at], ratio, random), batches.labels[at]);
    if (i % 2 == 0) loss.item();
    backward(loss);
    optimizer.step();
    loss.item();
  });
}

}  // namespace

TEST_CASE("rule 10: the counter sees malloc, operator new and what the library asks for") {
  const long before = allocations;
  void* volatile block = std::malloc(10);  // volatile: not optimized away
  std::free(block);
  double* volatile number = new double;
  delete number;
  CHECK(allocations >= before + 2);
  const long between = allocations;
  const Tensor t = Tensor::empty({12345, 77});
  CHECK(allocations > between);
}

TEST_CASE("rule 10: a step of SGD, of Momentum and of Adam allocates nothing") {
  CHECK(allocations_of_training<SGD>({784, 100, 100, 10}, false, 0) == 0);
  CHECK(allocations_of_training<Momentum>({784, 100, 100, 10}, false, 0) == 0);
  CHECK(allocations_of_training<Adam>({784, 100, 100, 10}, false, 0) == 0);
}

TEST_CASE("rule 10: a step of Adam with batch normalization and dropout allocates nothing") {
  CHECK(allocations_of_training<Adam>({784, 100, 100, 10}, true, 0.2) == 0);
}

TEST_CASE("rule 10: a step of the tiniest nets, whose sweeps get generated code on the way, allocates nothing") {
  CHECK(allocations_of_training<SGD>({2, 16, 16, 3}, false, 0) == 0);
  CHECK(allocations_of_training<Adam>({2, 16, 16, 3}, true, 0.2) == 0);
}

TEST_CASE("rule 10: nor does one on several threads") {
  set_thread_count(3);
  CHECK(allocations_of_training<Adam>({784, 100, 100, 10}, true, 0.2, 3) == 0);
}

TEST_CASE("rule 10: a step of a recurrent net with a length that was seen allocates nothing") {
  ParameterRegistry registry({.seed = 2});
  const Parameter input = registry.add("input", xavier_normal({6, 9})),
                  state = registry.add("state", xavier_normal({9, 9}));
  const Parameter bias = registry.add("bias", zeros({9})), output = registry.add("output", xavier_normal({9, 2}));
  SGD optimizer(registry, {.learning_rate = 0.01});
  std::vector<Tensor> inputs;
  for (std::uint64_t t = 0; t < 50; ++t) inputs.push_back(noise({4, 6}, t));
  const Tensor labels = some_labels(4, 2, 1), start = Tensor::zeros({4, 9});
  const auto train = [&](std::size_t length) {
    Tape tape;
    const Var weight = input, recurrent = state, shift = bias;
    Var hidden = start;
    for (std::size_t t = 0; t < length; ++t)
      hidden = tanh(matmul(inputs[t], weight) + matmul(hidden, recurrent) + shift);
    const Var loss = softmax_cross_entropy(matmul(hidden, output), labels);
    backward(loss);
    optimizer.step();
    loss.item();
  };
  const auto all_lengths = [&](int) {
    for (std::size_t turn = 0; turn < 46; ++turn) train(5 + turn * 17 % 46);
  };
  CHECK(allocations_of(all_lengths) == 0);
}

TEST_CASE("rule 10: value() of a new tape each time allocates nothing") {
  const Tensor x = noise({40, 30}, 1);
  CHECK(allocations_of([&](int) {
          Tape tape;
          const Var y = softmax(x);
          const Tensor value = y.value(), again = sum(y).value();
          CHECK(value.size() == 1200);
        }) == 0);
}
#endif
