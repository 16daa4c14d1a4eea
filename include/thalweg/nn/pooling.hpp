#pragma once
// The ops `max_pool2d`, `average_pool2d` and `flatten` as layers: `Sequential(conv1, relu, MaxPool2d(2), Flatten(), affine)`.

#include <thalweg/ops/pooling.hpp>
#include <thalweg/ops/shape.hpp>

namespace thalweg {

class MaxPool2d {
 public:
  explicit MaxPool2d(const HeightWidth& kernel, const MaxPool2dOptions& options = {})
      : kernel_(kernel), options_(options) {}

  Var operator()(const Operand& x) const { return max_pool2d(x, kernel_, options_); }

 private:
  HeightWidth kernel_;
  MaxPool2dOptions options_;
};

class AveragePool2d {
 public:
  explicit AveragePool2d(const HeightWidth& kernel, const AveragePool2dOptions& options = {})
      : kernel_(kernel), options_(options) {}

  Var operator()(const Operand& x) const { return average_pool2d(x, kernel_, options_); }

 private:
  HeightWidth kernel_;
  AveragePool2dOptions options_;
};

/// (n, …) as (n, features): all axes from `first_axis` on, merged into one.
class Flatten {
 public:
  explicit Flatten(int first_axis = 1) : first_axis_(first_axis) {}

  Var operator()(const Operand& x) const { return flatten(x, first_axis_); }

 private:
  int first_axis_;
};

}  // namespace thalweg
