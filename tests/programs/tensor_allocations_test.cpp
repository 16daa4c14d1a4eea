// Counts the allocations of the whole program, so it is a program of its own.
#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <new>

#include <thalweg/tensor.hpp>

namespace {

std::atomic<long> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  void* block = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }

using thalweg::f64;
using thalweg::Tensor;

namespace {

double one_turn(float* memory) {
  Tensor a = Tensor::zeros({100, 100});
  const Tensor b = a;
  a.set<float>({0, 0}, 1);  // a copy
  const Tensor borrowed = Tensor::borrow(memory, {16}, nullptr);
  double sum = a.to(f64).reshape({-1}).at<double>({0}) + borrowed.at<float>({3});
  for (std::int64_t size = 1; size < 300; size += 7) sum += Tensor::ones({size}).at<float>({-1});
  return sum + Tensor(2.5).item() + static_cast<double>(Tensor::empty({1 << 20}).size());
}

}  // namespace

#if !defined(__SANITIZE_ADDRESS__)  // under which buffers are not pooled, so that each is watched
TEST_CASE("Tensor: a loop that makes the same tensors every turn allocates nothing") {
  float memory[16] = {};
  const double first = one_turn(memory);
  const long before = allocations;
  CHECK(before > 0);
  double sum = 0;
  for (int turn = 0; turn < 100; ++turn) sum += one_turn(memory);
  const long during = allocations - before;
  CHECK(during == 0);
  CHECK(sum == 100 * first);
}

TEST_CASE("Tensor: what the pool keeps is bounded") {
  constexpr std::int64_t mebibyte = 1 << 18;  // f32 elements
  for (int round = 0; round < 3; ++round) {
    std::vector<Tensor> tensors;
    for (int i = 0; i < 40; ++i) tensors.push_back(Tensor::empty({2 * mebibyte}));
  }
  // At most 16 large blocks of a size are kept: the others are allocated again.
  std::vector<Tensor> tensors;
  tensors.reserve(40);
  const long before = allocations;
  for (int i = 0; i < 40; ++i) tensors.push_back(Tensor::empty({2 * mebibyte}));
  CHECK(allocations - before == 24);
}
#endif
