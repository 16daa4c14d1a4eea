#include <algorithm>

#include <thalweg/nn/initializers.hpp>
#include <thalweg/registry.hpp>

#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

/// l2_penalty of parameters that hold the inputs.
Var penalty(Inputs x, double lambda) {
  ParameterRegistry registry({.dtype = x[0].dtype()});
  std::vector<Parameter> parameters;
  for (const Var& input : x) {
    const Tensor values = input.value().to(DType::f64);
    const auto copy = [&](std::span<double> elements, std::uint64_t, std::uint32_t) {
      std::copy_n(values.data<double>().begin(), elements.size(), elements.begin());
    };
    parameters.push_back(registry.add("p" + std::to_string(parameters.size()), Initializer{input.shape(), copy}));
  }
  return l2_penalty(parameters, lambda);
}

std::vector<Row> rows() {
  const Domain labels{.low = 0, .high = 2, .dtype = DType::i64}, probabilities{.low = 0, .high = 1, .fixed = true};
  return {
      {.op = "softmax_cross_entropy",
       .form = "of labels",
       .function = binary(softmax_cross_entropy),
       .domains = {{-3, 3}, labels},
       .shapes = {{{3, 4}, {3}}, {{1, 3}, {1}}, {{5, 3}, {5}}},
       .large = {{{2000, 10}, {2000}}},
       .reference = "cross_entropy(x, y)",
       .accuracy = {4, 4},
       .examples = {{{doubles({{1e4, 0., -1e4}}), Tensor{2}}, scalar(20000), {doubles({{1., 0., -1.}})}},
                    {{doubles({{1e8, 1e8}}), Tensor{0}}, scalar(0.6931471805599453), {doubles({{-0.5, 0.5}})}},
                    {{doubles({{3.}}), Tensor{0}}, scalar(0), {doubles({{0.}})}},
                    {{Tensor::zeros({0, 3}, DType::f64), Tensor::zeros({0}, DType::i64)}, scalar(nan)}},
       .mistakes = {{{doubles({1., 2.}), Tensor{0}},
                     typeid(ShapeError),
                     "[softmax_cross_entropy] logits must be (n, classes), they are (2,)"},
                    {{scalar(1), Tensor{0}},
                     typeid(ShapeError),
                     "[softmax_cross_entropy] logits must be (n, classes), they are ()"},
                    {{doubles({{1., 2.}}), Tensor{0, 1}},
                     typeid(ShapeError),
                     "[softmax_cross_entropy] targets i64 (2,) do not belong to logits (1, 2): i64 labels (n,) or "
                     "probabilities (n, classes) are wanted"},
                    {{doubles({{1., 2.}}), Tensor{2}},
                     typeid(IndexError),
                     "[labels] label 2 at place 0 is out of range for 2 classes"}}},
      {.op = "softmax_cross_entropy",
       .form = "of probabilities",
       .function = binary(softmax_cross_entropy),
       .domains = {{-3, 3}, probabilities},
       .shapes = {{{3, 4}, {3, 4}}, {{1, 3}, {1, 3}}, {{5, 2}, {5, 2}}},
       .large = {{{2000, 10}, {2000, 10}}},
       .reference = "cross_entropy(x, y)",
       .accuracy = {4, 4},
       .examples = {{{doubles({{-inf, 0.}}), doubles({{0., 1.}})}, scalar(0), {doubles({{0., 0.}})}},
                    {{doubles({{1000., 0., -1000.}}), doubles({{0., 0.25, 0.75}})},
                     scalar(1750),
                     {doubles({{1., -0.25, -0.75}})}}}},
      {.op = "mean_squared_error",
       .function = binary(mean_squared_error),
       .domains = {{}, {}},
       .shapes = {{{3, 4}, {3, 4}}, {{5}, {5}}, {{}, {}}, {{1}, {1}}, {{2, 3, 2}, {2, 3, 2}}},
       .large = {{{600, 700}, {600, 700}}},
       .reference = "reduce_over(mean, (x - y) * (x - y))",
       .accuracy = {4, 4},
       .examples = {{{Tensor::zeros({0}, DType::f64), Tensor::zeros({0}, DType::f64)}, scalar(nan)}}},
      {.op = "l2_penalty",
       .function = [](Inputs x) { return penalty(x, 0.25); },
       .only_f64 = true,  // a registry has one dtype
       .domains = {{}, {}},
       .shapes = {{{3, 4}, {5}}, {{}, {1}}, {{2, 3, 2}, {0, 3}}},
       .reference = "(reduce_over(total, x * x) + reduce_over(total, y * y)) / 8",
       .accuracy = {4, 4},
       .mistakes =
           {{{scalar(1)},
             typeid(ValueError),
             "[l2_penalty] lambda is -1; it must be 0 or more, and finite",
             [](Inputs x) { return penalty(x, -1); }},
            {{scalar(1)},
             typeid(ValueError),
             "[l2_penalty] lambda is nan; it must be 0 or more, and finite",
             [](Inputs x) { return penalty(x, nan); }},
            {{}, typeid(ValueError), "[l2_penalty] there are no parameters", [](Inputs) { return l2_penalty({}, 1); }}},
       .differences = false},  // by parameters, not by the inputs: see the edge cases
  };
}

// Written by tests/ops/references/record.
const char* const recorded_references = R"(
# softmax_cross_entropy of labels
f64 3x4 -1.978515625 0.279296875 2.537109375 -1.2060546875 1.0517578125 -2.69140625 -0.43359375 1.82421875 -1.9189453125
0.3388671875 2.595703125 -1.146484375 i64 3 1 0 0 -> f64 () 2.753818927591251
f64 3x4 -1.978515625 nan 2.537109375 -1.2060546875 1.0517578125 -2.69140625 inf 1.82421875 -1.9189453125 0.3388671875
2.595703125 -inf i64 3 1 0 0 -> f64 () nan
f64 1x3 -1.978515625 0.279296875 2.537109375 i64 1 1 -> f64 () 2.367129370872658
f64 5x3 -1.978515625 0.279296875 2.537109375 -1.2060546875 1.0517578125 -2.69140625 -0.43359375 1.82421875 -1.9189453125
0.3388671875 2.595703125 -1.146484375 1.111328125 -2.6318359375 -0.3740234375 i64 5 1 0 0 2 1 -> f64 ()
2.9906933386807646
# softmax_cross_entropy of probabilities
f64 3x4 -1.978515625 0.279296875 2.537109375 -1.2060546875 1.0517578125 -2.69140625 -0.43359375 1.82421875 -1.9189453125
0.3388671875 2.595703125 -1.146484375 f64 3x4 0.3408203125 0.716796875 0.0927734375 0.4697265625 0.845703125
0.2216796875 0.59765625 0.974609375 0.3505859375 0.7265625 0.1025390625 0.4794921875 -> f64 () 4.855619339858173
f64 3x4 -1.978515625 nan 2.537109375 -1.2060546875 1.0517578125 -2.69140625 inf 1.82421875 -1.9189453125 0.3388671875
2.595703125 -inf f64 3x4 0.3408203125 0.716796875 0.0927734375 0.4697265625 nan 0.2216796875 0.59765625 0.974609375
0.3505859375 inf 0.1025390625 0.4794921875 -> f64 () nan
f64 1x3 -1.978515625 0.279296875 2.537109375 f64 1x3 0.3408203125 0.716796875 0.0927734375 -> f64 () 3.2831667713749915
f64 5x2 -1.978515625 0.279296875 2.537109375 -1.2060546875 1.0517578125 -2.69140625 -0.43359375 1.82421875 -1.9189453125
0.3388671875 f64 5x2 0.3408203125 0.716796875 0.0927734375 0.4697265625 0.845703125 0.2216796875 0.59765625 0.974609375
0.3505859375 0.7265625 -> f64 () 1.1810739703418236
# mean_squared_error
f64 3x4 -1.318359375 0.1865234375 1.69140625 -0.8037109375 0.701171875 -1.7939453125 -0.2890625 1.2158203125
-1.279296875 0.2255859375 1.73046875 -0.7646484375 f64 3x4 -0.6376953125 0.8671875 -1.6279296875 -0.123046875
1.3818359375 -1.11328125 0.3916015625 1.8974609375 -0.59765625 0.9072265625 -1.587890625 -0.0830078125 -> f64 ()
2.2223214308420816
f64 3x4 -1.318359375 nan 1.69140625 -0.8037109375 0.701171875 -1.7939453125 inf 1.2158203125 -1.279296875 0.2255859375
1.73046875 -inf f64 3x4 -0.6376953125 0.8671875 -1.6279296875 -0.123046875 nan -1.11328125 0.3916015625 1.8974609375
-0.59765625 inf -1.587890625 -0.0830078125 -> f64 () nan
f64 5 -1.318359375 0.1865234375 1.69140625 -0.8037109375 0.701171875 f64 5 -0.6376953125 0.8671875 -1.6279296875
-0.123046875 1.3818359375 -> f64 () 2.574241065979004
f64 () -1.318359375 f64 () -0.6376953125 -> f64 () 0.4633035659790039
f64 1 -1.318359375 f64 1 -0.6376953125 -> f64 () 0.4633035659790039
f64 2x3x2 -1.318359375 0.1865234375 1.69140625 -0.8037109375 0.701171875 -1.7939453125 -0.2890625 1.2158203125
-1.279296875 0.2255859375 1.73046875 -0.7646484375 f64 2x3x2 -0.6376953125 0.8671875 -1.6279296875 -0.123046875
1.3818359375 -1.11328125 0.3916015625 1.8974609375 -0.59765625 0.9072265625 -1.587890625 -0.0830078125 -> f64 ()
2.2223214308420816
# l2_penalty
f64 3x4 -1.318359375 0.1865234375 1.69140625 -0.8037109375 0.701171875 -1.7939453125 -0.2890625 1.2158203125
-1.279296875 0.2255859375 1.73046875 -0.7646484375 f64 5 -0.6376953125 0.8671875 -1.6279296875 -0.123046875 1.3818359375
-> f64 () 2.6939326524734497
f64 3x4 -1.318359375 nan 1.69140625 -0.8037109375 0.701171875 -1.7939453125 inf 1.2158203125 -1.279296875 0.2255859375
1.73046875 -inf f64 5 -0.6376953125 0.8671875 -1.6279296875 -0.123046875 nan -> f64 () nan
f64 () -1.318359375 f64 1 -0.6376953125 -> f64 () 0.2680908441543579
f64 2x3x2 -1.318359375 0.1865234375 1.69140625 -0.8037109375 0.701171875 -1.7939453125 -0.2890625 1.2158203125
-1.279296875 0.2255859375 1.73046875 -0.7646484375 f64 0x3 -> f64 () 1.9772531986236572
)";

}  // namespace

Family loss_family() { return {"loss", rows(), recorded_references}; }

}  // namespace thalweg::op_table
