#pragma once
// The checks that are generated from a row of the op table.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

/// What has been checked, and what was found wrong.
struct Report {
  std::int64_t checks = 0;
  std::vector<std::string> failures;

  template <class Text>
  void expect(bool holds, Text&& text) {
    ++checks;
    if (!holds) failures.push_back(text());
  }
};

struct Check {
  const char* name;
  void (*run)(const Row& row, Report& report);
};

/// All kinds of checks, the cheapest first.
std::span<const Check> all_checks();

/// One check of one row; what it throws is a failure.
void run_check(const Check& check, const Row& row, Report& report);

/// Whether any check fails; stops at the first that does.
bool fails(const Row& row);

// What checks are made of.

/// The same dtype, shape and bits; a NaN is any NaN.
bool same(const Tensor& a, const Tensor& b);

/// The row's function with its fixed inputs, its indices and its truths held at `inputs`: a function of the others.
Function function_of_varied(const Row& row, const std::vector<Tensor>& inputs);
std::vector<Tensor> varied_inputs(const Row& row, const std::vector<Tensor>& inputs);

struct EvaluateOptions {
  Engine engine = Engine::planned;
  int order = 1;  // of the derivatives beside the value
  bool cotangent_of_ones = false;
};
/// The value of `function` at `inputs`, then its gradients by the varied ones, then those of second order: of random
/// cotangents. The value alone where it has no gradient.
std::vector<Tensor> evaluate(const Row& row, const Function& function, const std::vector<Tensor>& inputs,
                             const EvaluateOptions& options);

/// Fractions as `dtype`, all else as it is.
std::vector<Tensor> as_dtype(const std::vector<Tensor>& inputs, DType dtype);

/// "f32 (3, 4) and i64 (5,)"
std::string text_of(const std::vector<Tensor>& inputs);

/// Runs `body` on a thread of its own: no plan or recording of the caller's is used again.
void on_new_thread(const std::function<void()>& body);

}  // namespace thalweg::op_table
