// What the checks are made of: evaluating a row's function.

#include <cmath>
#include <exception>
#include <thread>

#include <thalweg/differentiate.hpp>

#include "tests/ops/table/checks.hpp"

namespace thalweg::op_table {

bool same(const Tensor& a, const Tensor& b) {
  if (identical(a, b)) return true;
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape()) || !is_floating(a.dtype())) return false;
  const Tensor x = a.to(DType::f64), y = b.to(DType::f64);
  const std::span<const double> left = x.data<double>(), right = y.data<double>();
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (std::isnan(left[i]) && std::isnan(right[i])) continue;
    if (left[i] != right[i] || std::signbit(left[i]) != std::signbit(right[i])) return false;
  }
  return true;
}

std::vector<Tensor> as_dtype(const std::vector<Tensor>& inputs, DType dtype) {
  std::vector<Tensor> converted;
  for (const Tensor& input : inputs) converted.push_back(is_floating(input.dtype()) ? input.to(dtype) : input);
  return converted;
}

std::string text_of(const std::vector<Tensor>& inputs) {
  std::string text;
  for (const Tensor& input : inputs)
    text += (text.empty() ? "" : " and ") + std::string(name(input.dtype())) + " " + to_string(input.shape());
  return text;
}

namespace {

bool is_varied(const Row& row, const std::vector<Tensor>& inputs, std::size_t i) {
  return is_floating(inputs[i].dtype()) && !row.domains.at(i).fixed;
}

/// Numbers without a pattern between 1/2 and 3/2, of either sign.
Tensor cotangent_of(const Shape& shape, DType dtype, std::uint64_t seed, bool ones) {
  if (ones) return Tensor::ones(shape, dtype);
  Tensor values = Tensor::empty(shape, DType::f64);
  const std::span<double> elements = values.mutable_data<double>();
  fill_uniform(elements, {.seed = seed});
  for (double& element : elements) element = element < 0.5 ? element - 1.5 : element;
  return values.to(dtype);
}

}  // namespace

std::vector<Tensor> varied_inputs(const Row& row, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> varied;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (is_varied(row, inputs, i)) varied.push_back(inputs[i]);
  return varied;
}

Function function_of_varied(const Row& row, const std::vector<Tensor>& inputs) {
  return [&row, inputs](Inputs varied) {
    std::vector<Var> all;
    std::size_t next = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      all.push_back(is_varied(row, inputs, i) ? varied[next++] : Var(inputs[i]));
    return row.function(all);
  };
}

std::vector<Tensor> evaluate(const Row& row, const Function& function, const std::vector<Tensor>& inputs,
                             const EvaluateOptions& options) {
  const Tape tape({.engine = options.engine});
  std::vector<Var> vars, varied;
  for (const Tensor& input : inputs) vars.emplace_back(input);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (is_varied(row, inputs, i)) varied.push_back(vars[i]);
  const Var y = function(vars);
  std::vector<Tensor> results = {y.value()};
  if (options.order == 0 || !is_floating(y.dtype()) || varied.empty()) return results;
  const auto cotangent = [&](const Var& var, std::uint64_t seed) {
    return Var(cotangent_of(var.shape(), var.dtype(), seed, options.cotangent_of_ones));
  };
  const std::vector<Var> first = gradients(y, std::span<const Var>(varied), cotangent(y, 1));
  for (const Var& gradient : first) results.push_back(gradient.value());
  if (options.order == 1) return results;
  for (std::size_t i = 0; i < first.size(); ++i)
    for (const Var& second : gradients(first[i], std::span<const Var>(varied), cotangent(first[i], 2 + i)))
      results.push_back(second.value());
  return results;
}

void on_new_thread(const std::function<void()>& body) {
  std::exception_ptr error;
  std::thread([&] {
    try {
      body();
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
}

}  // namespace thalweg::op_table
