// Slices of columns, which sweeps read in place: each row is a batch. Values and gradients are those of eager execution,
// to the last bit.
#include <functional>

#include "src/run/code_target.hpp"
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

using Function = std::function<Var(std::span<const Var>)>;

struct Case {
  const char* name;
  Function function;  // of x (r, 2c), a (r, c) and b (c)
};

Var half(const Var& x, int part) {
  const std::int64_t length = x.shape().back() / 2;
  return slice(x, -1, part * length, (part + 1) * length);
}

const Case cases[] = {
    {"gated units", [](auto v) { return half(v[0], 0) * sigmoid(half(v[0], 1)); }},
    {"one half", [](auto v) { return half(v[0], 1) * 2 + v[1]; }},
    {"a bias", [](auto v) { return tanh(half(v[0], 0) + v[2]) * half(v[0], 1); }},
    {"values per row", [](auto v) { return half(v[0], 0) - mean(v[1], 1, true); }},
    {"softmax", [](auto v) { return softmax(half(v[0], 0) + half(v[0], 1)); }},
    {"sum", [](auto v) { return sum(half(v[0], 0)) + sum(half(v[0], 1) * v[1], 0); }},
    {"a call", [](auto v) { return erf(half(v[0], 0)) + half(v[0], 1); }},
    {"product", [](auto v) { return matmul(half(v[0], 1), transpose(half(v[0], 0))) + 1; }},
    {"rotation",
     [](auto v) {
       const Var x = half(v[0], 0), y = half(v[0], 1), c = cos(v[2]), s = sin(v[2]);
       return concatenate({x * c - y * s, y * c + x * s}, 1);
     }},
    {"neighbors",
     [](auto v) {
       const std::int64_t n = v[0].shape()[1];
       return slice(v[0], 1, 1, n) - slice(v[0], 1, 0, n - 1);
     }},
    {"both axes", [](auto v) { return slice(half(v[0], 1), 0, 1, 3) * slice(v[1], 0, 0, 2); }},
    {"rows of another length",
     [](auto v) {
       const std::int64_t n = v[1].shape()[1];
       return half(v[0], 0) + slice(reshape(v[0], {2 * v[0].shape()[0], n}), 0, 0, v[0].shape()[0]);
     }},
    {"of two lengths, of three axes",
     [](auto v) {
       const std::int64_t n = v[1].shape()[1] / 2 * 2;
       const Var x = slice(v[0], 1, 0, 2 * n);
       const Var whole = slice(reshape(x, {7, 4, n / 2}), 1, 0, 2), half = slice(reshape(x, {7, 2, n}), 2, 0, n / 2);
       return whole * half;
     }},
    {"at two distances",
     [](auto v) {
       const std::int64_t n = v[1].shape()[1] / 2;
       if (n == 0) return v[0] * 1;
       const Var x = reshape(slice(v[0], 1, 0, 4 * n), {7, 4, n}), y = slice(x, {{}, {0, 2}, {1, n}});
       return y * slice(x, {{}, {1, 3}, {0, n - 1}}) + 2 * y;
     }},
    {"of a product",
     [](auto v) {
       const Var x = matmul(v[1], transpose(v[1])) * 0.1, y = matmul(x, v[0]);
       return half(y, 0) * sigmoid(half(y, 1));
     }},
    {"of slices of a sweep",
     [](auto v) {
       const Var x = cumulative_sum(v[0], 0), y = half(x, 0) + half(x, 1), z = tanh(half(x, 1)) * y;
       return half(cumulative_sum(concatenate({z, y}, 1), 0), 0) * half(x, 0) - z;
     }},
    {"from the last row to the first", [](auto v) { return flip(half(v[0], 1), 0) * flip(v[1], 0) + half(v[0], 0); }},
    {"of three axes",
     [](auto v) {
       const std::int64_t n = v[1].shape()[1];
       const Var x = reshape(v[0], {7, 2, n}), y = reshape(slice(x, 1, 0, 1), {7, n});
       return y * squeeze(slice(x, 1, 1, 2), 1) + v[1];
     }},
    {"many values",
     [](auto v) {
       Var y = half(v[0], 0);
       for (int i = 0; i < 12; ++i) y = y * half(v[0], 1) + 0.5 * v[1];
       return y;
     }},
};

/// y, and the gradients by x, a and b.
std::vector<Tensor> results(const Function& function, const std::vector<Tensor>& inputs, Engine engine) {
  Tape tape({.engine = engine});
  std::vector<Var> v;
  for (const Tensor& input : inputs) v.emplace_back(input);
  const Var y = function(v);
  const Var seed = noise(y.shape(), 4, y.dtype());
  std::vector<Tensor> all{y.value()};
  for (const Var& gradient : gradients(sum(y * seed), v)) all.push_back(gradient.value());
  return all;
}

}  // namespace

TEST_CASE("sweeps read slices of columns in place, as eager execution computes them", "[plan][rows]") {
  for (const Case& c : cases)
    for (const DType dtype : {DType::f32, DType::f64})
      for (const std::int64_t columns : {1, 31, 32, 33, 64, 100, 600}) {
        INFO(c.name << ", " << columns << " columns, " << size_of(dtype) << " bytes");
        const std::vector<Tensor> inputs{noise({7, 2 * columns}, 1, dtype), noise({7, columns}, 2, dtype),
                                         noise({columns}, 3, dtype)};
        const std::vector<Tensor> expected = results(c.function, inputs, Engine::eager);
        for (int repetition = 0; repetition < 3; ++repetition) {
          const std::vector<Tensor> found = results(c.function, inputs, Engine::planned);
          for (std::size_t i = 0; i < expected.size(); ++i) CHECK(identical(found[i], expected[i]));
        }
      }
}

TEST_CASE("where a slice begins is data of a sweep that reads it in place", "[plan][rows]") {
  const Tensor x = noise({9, 200}, 1, DType::f32);
  for (const int start : {0, 1, 7, 100, 136}) {
    const auto function = [&] { return tanh(slice(x, 1, start, start + 64)) + slice(x, 1, 136 - start, 200 - start); };
    Tape eager({.engine = Engine::eager});
    const Tensor expected = function().value();
    eager.clear();
    Tape tape;
    const Var y = function();
    CHECK(identical(y.value(), expected));
    if (run::generates_code()) CHECK(explain_plan(tape).find("copy") == std::string::npos);
  }
}

TEST_CASE("many rows of slices have the same bits on one thread and on two", "[plan][rows]") {
  for (const Case& c : cases) {
    INFO(c.name);
    const std::vector<Tensor> inputs{noise({7, 2 * 20000}, 1, DType::f32), noise({7, 20000}, 2, DType::f32),
                                     noise({20000}, 3, DType::f32)};
    std::vector<std::vector<Tensor>> found;
    for (const int threads : {1, 2, 2, 2}) {
      const Threads limit(threads);
      found.push_back(results(c.function, inputs, Engine::planned));
    }
    for (const std::vector<Tensor>& each : found)
      for (std::size_t i = 0; i < each.size(); ++i) CHECK(identical(each[i], found.front()[i]));
  }
  const Tensor x = noise({4096, 256}, 1, DType::f32);
  const auto gated = [&] { return compute([&] { return half(x, 0) * sigmoid(half(x, 1)); }); };
  const Threads one(1);
  const Tensor expected = gated();
  const Threads two(2);
  for (int repetition = 0; repetition < 30; ++repetition) CHECK(identical(gated(), expected));
}
