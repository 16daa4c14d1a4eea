// GF/s of matrix multiplication by shape: `matmul [threads [seconds per shape [m n k [NN|NT|TN|TT]]]]`. Best of the
// repeated timings. `kernel` is as a plan runs it first, `code` as it runs it from then on where code is generated.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include <thalweg/threads.hpp>

#include "src/run/matmul.hpp"
#include "src/run/matmul_generate.hpp"

namespace {

using thalweg::DType;
using thalweg::Precision;
using thalweg::run::Activation;
using thalweg::run::Matmul;

struct Case {
  const char* what;
  std::int64_t m, n, k;
  bool transpose_a, transpose_b, accumulate;
  bool is_image = false;  // A: rows of images, of which four fifths are 0
};

constexpr Case cases[] = {
    {"tiny forward", 1, 16, 2, false, false, false},
    {"tiny forward", 1, 16, 16, false, false, false},
    {"tiny output", 1, 1, 16, false, false, false},
    {"tiny gradient of weight", 16, 16, 1, true, false, false},
    {"tiny gradient of input", 1, 16, 16, false, true, false},
    {"tiny batch forward", 32, 16, 2, false, false, false},
    {"tiny batch forward", 32, 16, 16, false, false, false},
    {"tiny batch output", 32, 1, 16, false, false, false},
    {"tiny batch gradient of weight", 16, 16, 32, true, false, false},
    {"tiny batch gradient of output weight", 16, 1, 32, true, false, false},
    {"tiny batch gradient of input", 32, 16, 16, false, true, false},
    {"tiny batch gradient of output input", 32, 16, 1, false, true, false},
    {"rnn forward", 16, 64, 64, false, false, true},
    {"rnn gradient of state", 16, 64, 64, false, true, false},
    {"rnn gradient of weight", 64, 64, 16, true, false, true},
    {"first layer forward", 128, 100, 784, false, false, false},
    {"first layer gradient of weight", 784, 100, 128, true, false, false},
    {"first layer forward, images", 128, 100, 784, false, false, false, true},
    {"first layer gradient, images", 784, 100, 128, true, false, false, true},
    {"hidden forward", 128, 100, 100, false, false, false},
    {"hidden gradient of weight", 100, 100, 128, true, false, false},
    {"hidden gradient of input", 128, 100, 100, false, true, false},
    {"last layer forward", 128, 10, 100, false, false, false},
    {"last layer gradient of weight", 100, 10, 128, true, false, false},
    {"last layer gradient of input", 128, 100, 10, false, true, false},
    {"layer forward", 128, 256, 256, false, false, false},
    {"layer gradient of weight", 256, 256, 128, true, false, false},
    {"layer gradient of input", 128, 256, 256, false, true, false},
    {"both transposed", 128, 256, 256, true, true, false},
    {"evaluation", 10000, 100, 784, false, false, false},
    {"evaluation gradient of weight", 784, 100, 10000, true, false, false},
    {"one row", 1, 1024, 1024, false, false, false},
    {"one row, transposed", 1, 1024, 1024, false, true, false},
    {"square", 32, 32, 32, false, false, false},
    {"square", 64, 64, 64, false, false, false},
    {"square", 256, 256, 256, false, false, false},
    {"square", 512, 512, 512, false, false, false},
    {"square", 1024, 1024, 1024, false, false, false},
    {"square", 2048, 2048, 2048, false, false, false},
    {"square, A transposed", 1024, 1024, 1024, true, false, false},
    {"square, B transposed", 1024, 1024, 1024, false, true, false},
    {"large", 4096, 512, 4096, false, false, false},
};

void* allocate(std::size_t bytes) { return ::operator new(bytes + 64, std::align_val_t(64)); }
struct Release {
  void operator()(void* memory) const { ::operator delete(memory, std::align_val_t(64)); }
};
using Memory = std::unique_ptr<void, Release>;

template <class T>
Memory numbers(std::int64_t count) {
  Memory memory(allocate(static_cast<std::size_t>(count) * sizeof(T)));
  for (std::int64_t i = 0; i < count; ++i) static_cast<T*>(memory.get())[i] = static_cast<T>(i * 7 % 13 - 6) / 16;
  return memory;
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// 28 × 28: a blot of 14 × 11 here or there.
template <class T>
void make_images(T* pixels, std::int64_t images) {
  for (std::int64_t image = 0; image < images; ++image) {
    const std::int64_t top = 4 + image * 5 % 7, left = 5 + image * 3 % 8;
    for (std::int64_t i = 0; i < 784; ++i) {
      const std::int64_t row = i / 28 - top, column = i % 28 - left;
      if (row < 0 || row >= 14 || column < 0 || column >= 11) pixels[image * 784 + i] = 0;
    }
  }
}

enum class Way { at_once, prepared, generated };

/// 0: there is no such way.
template <class T>
double gigaflops(const Case& shape, double seconds, Precision precision = Precision::highest, Way way = Way::at_once) {
  const Memory a = numbers<T>(shape.m * shape.k), b = numbers<T>(shape.k * shape.n), c = numbers<T>(shape.m * shape.n);
  if (shape.is_image) make_images(static_cast<T*>(a.get()), shape.m * shape.k / 784);
  Matmul matmul;
  matmul.dtype = thalweg::dtype_of<T>::value;
  matmul.precision = precision;
  matmul.m = shape.m;
  matmul.n = shape.n;
  matmul.k = shape.k;
  matmul.transpose_a = shape.transpose_a;
  matmul.transpose_b = shape.transpose_b;
  matmul.lda = shape.transpose_a ? shape.m : shape.k;
  matmul.ldb = shape.transpose_b ? shape.k : shape.n;
  matmul.ldc = shape.n;
  matmul.a = a.get();
  matmul.b = b.get();
  matmul.c = c.get();
  matmul.start = shape.accumulate ? c.get() : nullptr;
  const Memory workspace(allocate(matmul_workspace(matmul)));
  thalweg::run::PreparedMatmul prepared;
  thalweg::run::prepare(prepared, matmul);
  const thalweg::run::GeneratedProduct generated = thalweg::run::generated_product(thalweg::run::form_of(matmul));
  const auto run = way == Way::generated ? generated.run : prepared.run;
  if (run == nullptr) return 0;
  const double work = 2. * static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k);
  const auto repeats = static_cast<std::int64_t>(std::max(1., 2e6 / (work + 2000)));
  double best = 1e30;
  for (const double end = seconds_now() + seconds; seconds_now() < end;) {
    const double begin = seconds_now();
    for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
      if (way == Way::at_once) {
        thalweg::run::matmul(matmul, workspace.get());
      } else {
        run(&prepared.panel, matmul, matmul, workspace.get());
      }
    }
    best = std::min(best, (seconds_now() - begin) / static_cast<double>(repeats));
  }
  return work / best * 1e-9;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const int threads = argument_count > 1 ? std::atoi(arguments[1]) : 1;
  const double seconds = argument_count > 2 ? std::atof(arguments[2]) : 0.05;
  thalweg::set_thread_count(threads);
  std::vector<Case> chosen(std::begin(cases), std::end(cases));
  if (argument_count > 5) {
    const std::string_view transposes = argument_count > 6 ? arguments[6] : "NN";
    chosen = {{"", std::atol(arguments[3]), std::atol(arguments[4]), std::atol(arguments[5]), transposes[0] == 'T',
               transposes.back() == 'T', false}};
  }
  std::printf("%-38s %5s %5s %5s %2s %8s %8s %8s %10s %10s %10s %10s\n", "", "m", "n", "k", "", "f32", "f64", "bf16",
              "f32 ns", "bf16 ns", "kernel ns", "code ns");
  for (const Case& shape : chosen) {
    const double single = gigaflops<float>(shape, seconds), twice = gigaflops<double>(shape, seconds),
                 half = gigaflops<float>(shape, seconds, Precision::medium),
                 kernel = gigaflops<float>(shape, seconds, Precision::highest, Way::prepared),
                 code = gigaflops<float>(shape, seconds, Precision::highest, Way::generated);
    const double work = 2. * static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k);
    std::printf("%-38s %5ld %5ld %5ld %c%c %8.1f %8.1f %8.1f %10.1f %10.1f %10.1f %10.1f\n", shape.what,
                static_cast<long>(shape.m), static_cast<long>(shape.n), static_cast<long>(shape.k),
                shape.transpose_a ? 'T' : 'N', shape.transpose_b ? 'T' : 'N', single, twice, half, work / single,
                work / half, work / kernel, code > 0 ? work / code : 0);
  }
}
