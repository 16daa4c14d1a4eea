// Losses, normalizations, convolutions and pooling beside PyTorch's values and gradients (references/torch_references.py), planned and eager.
#include <catch2/catch.hpp>

#include <cmath>
#include <functional>
#include <map>

#include <thalweg/differentiate.hpp>
#include <thalweg/ops/ops.hpp>

using namespace thalweg;

namespace {

struct Array {
  std::vector<std::int64_t> shape;
  std::vector<double> values;
  bool floating;

  Tensor tensor() const {
    const Shape dimensions{std::span<const std::int64_t>(shape)};
    const Tensor result = Tensor::from(std::span<const double>(values), dimensions);
    return floating ? result : result.to(DType::i64);
  }
};

struct Reference {
  const char* name;
  std::vector<Array> inputs;
  Array result;
  std::vector<Array> gradients;
};

const std::vector<Reference>& references() {
  static const std::vector<Reference> all = {
#include "tests/ops/references/torch_references.inc"
  };
  return all;
}

using Inputs = std::span<const Var>;
using Function = std::function<Var(Inputs)>;
using ReducedFunction = std::function<Var(Inputs, Reduction)>;

/// The losses, each recorded for every reduction.
const std::map<std::string, ReducedFunction>& losses() {
  static const std::map<std::string, ReducedFunction> all = {
      {"mean_squared_error", [](Inputs x, Reduction r) { return mean_squared_error(x[0], x[1], {.reduction = r}); }},
      {"mean_absolute_error", [](Inputs x, Reduction r) { return mean_absolute_error(x[0], x[1], {.reduction = r}); }},
      {"huber", [](Inputs x, Reduction r) { return huber(x[0], x[1], {.delta = 0.7, .reduction = r}); }},
      {"hinge", [](Inputs x, Reduction r) { return hinge(x[0], x[1], {.margin = 0.9, .reduction = r}); }},
      {"binary_cross_entropy_with_logits",
       [](Inputs x, Reduction r) { return binary_cross_entropy_with_logits(4 * x[0], x[1], {.reduction = r}); }},
      {"binary_cross_entropy_with_logits, weights",
       [](Inputs x, Reduction r) {
         return binary_cross_entropy_with_logits(4 * x[0], x[1],
                                                 {.weights = x[2], .positive_weight = x[3], .reduction = r});
       }},
      {"cross entropy, labels",
       [](Inputs x, Reduction r) { return softmax_cross_entropy(x[0], x[1], {.reduction = r}); }},
      {"cross entropy, smoothed",
       [](Inputs x, Reduction r) {
         return softmax_cross_entropy(x[0], x[1], {.label_smoothing = 0.1, .reduction = r});
       }},
      {"cross entropy, weighted",
       [](Inputs x, Reduction r) {
         return softmax_cross_entropy(x[0], x[1], {.class_weights = x[2], .reduction = r});
       }},
      {"cross entropy, ignored",
       [](Inputs x, Reduction r) { return softmax_cross_entropy(x[0], x[1], {.ignored_index = 2, .reduction = r}); }},
      {"cross entropy, all options",
       [](Inputs x, Reduction r) {
         return softmax_cross_entropy(
             x[0], x[1], {.label_smoothing = 0.2, .class_weights = x[2], .ignored_index = -100, .reduction = r});
       }},
      {"cross entropy, axis 1",
       [](Inputs x, Reduction r) {
         return softmax_cross_entropy(
             x[0], x[1],
             {.axis = 1, .label_smoothing = 0.2, .class_weights = x[2], .ignored_index = -100, .reduction = r});
       }},
      {"cross entropy, probabilities",
       [](Inputs x, Reduction r) { return softmax_cross_entropy(x[0], x[1], {.reduction = r}); }},
      {"cross entropy, probabilities, all options",
       [](Inputs x, Reduction r) {
         return softmax_cross_entropy(x[0], x[1], {.label_smoothing = 0.2, .class_weights = x[2], .reduction = r});
       }},
      {"cross entropy, probabilities, axis 1",
       [](Inputs x, Reduction r) {
         return softmax_cross_entropy(x[0], x[1],
                                      {.axis = 1, .label_smoothing = 0.2, .class_weights = x[2], .reduction = r});
       }},
      {"kl_divergence", [](Inputs x, Reduction r) { return kl_divergence(x[0], x[1], {.reduction = r}); }},
      {"kl_divergence, logarithms",
       [](Inputs x, Reduction r) { return kl_divergence(x[0], x[1], {.logarithmic_target = true, .reduction = r}); }},
      {"cosine_similarity",
       [](Inputs x, Reduction r) { return cosine_similarity(x[0], x[1], {.axis = 1, .reduction = r}); }},
  };
  return all;
}

const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> all = [] {
    std::map<std::string, Function> result = {
        {"layer_norm", [](Inputs x) { return layer_norm(x[0], x[1], x[2], {.epsilon = 1e-3}); }},
        {"layer_norm, two axes",
         [](Inputs x) {
           return layer_norm(x[0], x[1], x[2], {.axes = {1, 2}, .epsilon = 1e-3});
         }},
        {"layer_norm, plain", [](Inputs x) { return layer_norm(x[0], {.epsilon = 1e-3}); }},
        {"rms_norm", [](Inputs x) { return rms_norm(x[0], x[1], {.epsilon = 1e-3}); }},
        {"rms_norm, two axes",
         [](Inputs x) {
           return rms_norm(x[0], x[1], {.axes = {-2, -1}, .epsilon = 1e-3});
         }},
        {"group_norm, 1", [](Inputs x) { return group_norm(x[0], 1, x[1], x[2], {.epsilon = 1e-3}); }},
        {"group_norm, 2", [](Inputs x) { return group_norm(x[0], 2, x[1], x[2], {.epsilon = 1e-3}); }},
        {"group_norm, 6", [](Inputs x) { return group_norm(x[0], 6, x[1], x[2], {.epsilon = 1e-3}); }},
        {"group_norm, rank 2", [](Inputs x) { return group_norm(x[0], 3, x[1], x[2], {.epsilon = 1e-3}); }},
        {"batch_norm, images", [](Inputs x) { return batch_norm(x[0], x[1], x[2], {.epsilon = 1e-3}); }},
        {"batch_norm, rank 2", [](Inputs x) { return batch_norm(x[0], x[1], x[2], {.epsilon = 1e-3}); }},
        {"batch_norm, channels last",
         [](Inputs x) { return batch_norm(x[0], x[1], x[2], {.epsilon = 1e-3, .feature_axes = -1}); }},
        {"softmax", [](Inputs x) { return softmax(x[0], 1); }},
        {"log_softmax", [](Inputs x) { return log_softmax(x[0], 1); }},
        {"conv2d", [](Inputs x) { return conv2d(x[0], x[1], x[2]); }},
        {"conv2d, all options",
         [](Inputs x) {
           return conv2d(x[0], x[1], x[2], {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2});
         }},
        {"conv2d, depthwise", [](Inputs x) { return conv2d(x[0], x[1], {.stride = 3, .padding = 4, .groups = 4}); }},
        {"conv1d, all options",
         [](Inputs x) { return conv1d(x[0], x[1], x[2], {.stride = 2, .padding = 3, .dilation = 2, .groups = 2}); }},
        {"conv_transpose2d", [](Inputs x) { return conv_transpose2d(x[0], x[1], x[2]); }},
        {"conv_transpose2d, all options",
         [](Inputs x) {
           return conv_transpose2d(
               x[0], x[1], x[2],
               {.stride = {3, 2}, .padding = {1, 2}, .output_padding = {2, 1}, .dilation = {1, 2}, .groups = 2});
         }},
        {"max_pool2d", [](Inputs x) { return max_pool2d(x[0], 2); }},
        {"max_pool2d, equal elements", [](Inputs x) { return max_pool2d(x[0], 3, {.stride = 2, .padding = 1}); }},
        {"max_pool2d, all options",
         [](Inputs x) {
           return max_pool2d(x[0], {3, 2}, {.stride = {2, 1}, .padding = 1, .dilation = {1, 2}});
         }},
        {"average_pool2d", [](Inputs x) { return average_pool2d(x[0], 2); }},
        {"average_pool2d, padded",
         [](Inputs x) {
           return average_pool2d(x[0], {3, 2}, {.stride = {2, 1}, .padding = 1});
         }},
        {"average_pool2d, without padding",
         [](Inputs x) {
           return average_pool2d(x[0], {2, 3}, {.stride = {1, 2}, .padding = 1, .count_include_padding = false});
         }},
        {"resize2d",
         [](Inputs x) {
           return resize2d(x[0], {7, 4});
         }},
        {"resize2d, bilinear",
         [](Inputs x) {
           return resize2d(x[0], {7, 4}, {.interpolation = Interpolation::bilinear});
         }},
        {"resize2d, aligned",
         [](Inputs x) {
           return resize2d(x[0], {3, 9}, {.interpolation = Interpolation::bilinear, .align_corners = true});
         }},
        {"upsample2d", [](Inputs x) { return upsample2d(x[0], 2); }},
        {"upsample2d, bilinear",
         [](Inputs x) {
           return upsample2d(x[0], {2, 3}, {.interpolation = Interpolation::bilinear});
         }},
        {"normalize", [](Inputs x) { return normalize(x[0], {.axes = 1}); }},
    };
    for (const auto& [name, function] : losses())
      for (const auto& [suffix, reduction] : {std::pair(", none", Reduction::none), std::pair(", sum", Reduction::sum),
                                              std::pair(", mean", Reduction::mean)})
        result[name + suffix] = [f = function, r = reduction](Inputs x) { return f(x, r); };
    return result;
  }();
  return all;
}

bool close(const Tensor& a, const Tensor& b) { return a.shape() == b.shape() && all_close(a, b, 1e-12, 1e-14); }

void check(const Reference& reference, const Function& function, Engine engine) {
  const Tape tape({.engine = engine});
  std::vector<Var> inputs;
  for (const Array& input : reference.inputs) inputs.emplace_back(input.tensor());
  const Var result = function(inputs);
  const Tensor wanted = reference.result.tensor();
  Tensor seed = Tensor::zeros(wanted.shape(), DType::f64);
  const std::span<double> elements = seed.mutable_data<double>();
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = std::cos(static_cast<double>(i) + 1);
  const std::vector<Var> found = gradients(result, std::span<const Var>(inputs), seed);
  INFO(reference.name << (engine == Engine::planned ? ", planned" : ", eager"));
  INFO(to_string(result.value()) << "\nwanted " << to_string(wanted));
  CHECK(close(result.value(), wanted));
  for (std::size_t i = 0, next = 0; next < reference.gradients.size(); ++i) {
    if (!reference.inputs[i].floating) continue;
    INFO("gradient " << i << " " << to_string(found[i].value()) << "\nwanted "
                     << to_string(reference.gradients[next].tensor()));
    CHECK(close(found[i].value(), reference.gradients[next++].tensor()));
  }
}

}  // namespace

TEST_CASE("references: losses, normalizations, convolutions and pooling have PyTorch's values and gradients") {
  std::size_t checked = 0;
  for (const Reference& reference : references()) {
    const auto function = functions().find(reference.name);
    INFO(reference.name);
    REQUIRE(function != functions().end());
    for (const Engine engine : {Engine::planned, Engine::eager}) check(reference, function->second, engine);
    ++checked;
  }
  CHECK(checked == functions().size());
}
