// Recurrent and attention layers beside PyTorch's values and gradients in f64 (references/torch_layers.py).
#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <thalweg/check_gradients.hpp>
#include <thalweg/thalweg.hpp>

namespace tw = thalweg;

namespace {

const std::map<std::string, tw::Tensor>& references() {
  static const std::map<std::string, tw::Tensor> all =
      tw::load_safetensors("tests/nn/references/torch_layers.safetensors");
  return all;
}

const tw::Tensor& reference(const std::string& name) { return references().at(name); }

void check_close(const std::string& name, const tw::Tensor& value) {
  INFO(name);
  CHECK(tw::all_close(value, reference(name), 1e-11, 1e-12));
}

/// The parameters of PyTorch's module that `name` in the registry stands for; linear weights are transposed.
tw::Tensor from_torch(const std::string& what, const std::string& name) {
  std::string theirs = name;
  if (const auto at = name.find(".gamma"); at != std::string::npos) theirs.replace(at, 6, ".weight");
  if (const auto at = name.find(".beta"); at != std::string::npos) theirs.replace(at, 5, ".bias");
  const tw::Tensor& tensor = reference(what + theirs);
  if (!name.starts_with("linear") || tensor.rank() < 2) return tensor;
  return tw::compute([&] { return tw::transpose(tensor); });
}

using Results = std::map<std::string, tw::Var>;

/// Checks what `run` gives for PyTorch's parameters and x, and the gradients of the sum of the results times cos(1), ….
void check_case(const std::string& name, tw::ParameterRegistry& registry,
                const std::function<Results(const tw::Var& x)>& run) {
  INFO(name);
  const std::string layer = "layer.";
  for (const tw::Parameter& parameter : registry.parameters())
    parameter.set_value(from_torch(name + "/", parameter.name().substr(layer.size())));
  const tw::Parameter x = registry.add("x", reference(name + "/x"));
  std::vector<tw::Tensor> gradients;
  for (const tw::Engine engine : {tw::Engine::planned, tw::Engine::eager}) {
    const tw::Tape tape({.engine = engine});
    tw::Var total = 0.;
    for (const auto& [result, value] : run(x)) {
      total +=
          tw::sum(value * tw::reshape(tw::cos(tw::Tensor::arange(1, value.size() + 1, 1, tw::f64)), value.shape()));
      check_close(name + "/" + result, value.value());
    }
    tw::backward(total);
    check_close(name + "/gradient/x", x.gradient());
    std::size_t i = 0;
    for (const tw::Parameter& parameter : registry.parameters()) {
      const tw::Tensor gradient = parameter.gradient();
      if (engine == tw::Engine::planned) {
        gradients.push_back(gradient);
      } else {
        INFO(parameter.name());
        CHECK(tw::identical(gradient, gradients[i++]));
      }
      if (!parameter.name().starts_with(layer)) continue;
      INFO(parameter.name());
      CHECK(tw::all_close(gradient, from_torch(name + "/gradient/", parameter.name().substr(layer.size())), 1e-11,
                          1e-12));
    }
  }
}

template <class Layer, class... More>
void check_recurrent(const std::string& name, const More&... more) {
  constexpr bool has_cell = std::is_same_v<Layer, tw::LSTM>;
  const auto results = [](const auto& result) {
    if constexpr (has_cell)
      return Results{{"output", result.output}, {"hidden", result.hidden}, {"cell", result.cell}};
    else
      return Results{{"output", result.output}, {"hidden", result.hidden}};
  };
  const bool has_bias = !name.ends_with("without bias");
  {
    tw::ParameterRegistry registry({.dtype = tw::f64});
    const Layer layer(registry, "layer", 2, 3, {.bias = has_bias}, more...);
    check_case(name, registry, [&](const tw::Var& x) { return results(layer(x)); });
  }
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const Layer layer(registry, "layer", 2, 3, {.layers = 2, .bidirectional = true, .bias = has_bias}, more...);
  const std::string deep = name + " with lengths";
  check_case(deep, registry, [&](const tw::Var& x) {
    if constexpr (has_cell)
      return results(layer(x, {.hidden = reference(deep + "/hidden0"),
                               .cell = reference(deep + "/cell0"),
                               .lengths = reference(deep + "/lengths")}));
    else
      return results(layer(x, {.hidden = reference(deep + "/hidden0"), .lengths = reference(deep + "/lengths")}));
  });
}

/// Of the gradients of all parameters, x and further inputs of what `run` gives.
void check_differences(tw::ParameterRegistry& registry, const tw::Tensor& x,
                       const std::function<tw::Var(const tw::Var& x)>& run) {
  tw::Random random(0);
  for (const tw::Parameter& parameter : registry.parameters())
    parameter.set_value(tw::Tensor::normal(parameter.shape(), random, tw::f64));
  const tw::GradientReport report = tw::check_gradients([&](std::span<const tw::Var> in) { return run(in[0]); }, {x});
  INFO(tw::to_string(report));
  CHECK(report.ok);
  CHECK(report.checked > 0);
}

}  // namespace

TEST_CASE("RNN, GRU, LSTM: PyTorch's values and gradients") {
  check_recurrent<tw::RNN>("rnn");
  check_recurrent<tw::RNN>("relu rnn", tw::RNNActivation::relu);
  check_recurrent<tw::GRU>("gru");
  check_recurrent<tw::GRU>("gru without bias");
  check_recurrent<tw::LSTM>("lstm");
}

TEST_CASE("MultiheadAttention, TransformerEncoderLayer: PyTorch's values and gradients") {
  const auto is_not_zero = [](const char* name) {
    return tw::compute([&] { return reference(name) != 0; }).to(tw::boolean);
  };
  const auto check = [](const std::string& name, const auto& options) {
    tw::ParameterRegistry registry({.dtype = tw::f64});
    const tw::MultiheadAttention layer(registry, "layer", 6, 2, {.bias = !name.ends_with("without bias")});
    check_case(name, registry, [&](const tw::Var& x) {
      const bool is_self_attention = !references().contains(name + "/source");
      return Results{
          {"result", is_self_attention ? layer(x, options()) : layer(x, reference(name + "/source"), options())}};
    });
  };
  using Options = tw::AttentionOptions;
  check("attention", [] { return Options{}; });
  check("attention without bias", [] { return Options{}; });
  check("causal attention", [] { return Options{.causal = true}; });
  check("attention with key mask", [&] { return Options{.key_mask = is_not_zero("attention key mask")}; });
  check("attention with mask", [&] { return Options{.mask = reference("attention mask")}; });
  check("attention with bool mask", [&] { return Options{.mask = is_not_zero("attention bool mask")}; });
  for (const bool norm_first : {false, true}) {
    tw::ParameterRegistry registry({.dtype = tw::f64});
    const tw::TransformerEncoderLayer layer(registry, "layer", 6, 2, 8, {.norm_first = norm_first});
    check_case(norm_first ? "encoder layer, norm first" : "encoder layer", registry, [&](const tw::Var& x) {
      return Results{{"result", layer(x, {.causal = true})}};
    });
  }
}

TEST_CASE("recurrent and attention layers: gradients of both orders agree with differences") {
  tw::Random random(1);
  const tw::Tensor x = tw::Tensor::normal({2, 3, 4}, random, tw::f64), lengths{3, 1};
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::RNN rnn(registry, "rnn", 4, 2, {.bidirectional = true});
  const tw::GRU gru(registry, "gru", 4, 2, {.layers = 2});
  const tw::LSTM lstm(registry, "lstm", 4, 2);
  const tw::MultiheadAttention attention(registry, "attention", 4, 2);
  check_differences(registry, x, [&](const tw::Var& in) { return rnn(in, {.lengths = lengths}).output; });
  check_differences(registry, x, [&](const tw::Var& in) { return gru(in, {.lengths = lengths}).output; });
  check_differences(registry, x, [&](const tw::Var& in) {
    const auto [output, hidden, cell] = lstm(in);
    return tw::concatenate({tw::flatten(output), tw::flatten(cell)});
  });
  check_differences(registry, x, [&](const tw::Var& in) { return attention(in, {.causal = true}); });
}

TEST_CASE("LSTM: a state that is passed on continues the sequence") {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::LSTM lstm(registry, "lstm", 2, 3, {.layers = 2});
  tw::Random random(0);
  const tw::Tensor x = tw::Tensor::normal({2, 5, 2}, random, tw::f64);
  const tw::Tape tape;
  const auto whole = lstm(x), first = lstm(tw::slice(x, 1, 0, 2));
  const auto rest = lstm(tw::slice(x, 1, 2, 5), {.hidden = first.hidden, .cell = first.cell});
  CHECK(tw::identical(tw::concatenate({first.output, rest.output}, 1).value(), whole.output.value()));
  CHECK(tw::identical(rest.cell.value(), whole.cell.value()));
}

TEST_CASE("recurrent layers: names, initial values, dropout between layers") {
  tw::ParameterRegistry registry;
  tw::Random random(0);
  const tw::LSTM lstm(registry, "lstm", 3, 4,
                      {.layers = 2, .bidirectional = true, .dropout = tw::Dropout(0.5, random)});
  CHECK(registry.size() == 16);
  CHECK(registry["lstm.weight_ih_l0_reverse"].shape() == tw::Shape{16, 3});
  CHECK(registry["lstm.weight_ih_l1"].shape() == tw::Shape{16, 8});
  CHECK(registry["lstm.weight_hh_l1_reverse"].shape() == tw::Shape{16, 4});
  CHECK(registry["lstm.bias_hh_l1"].shape() == tw::Shape{16});
  for (const float number : registry["lstm.weight_ih_l1"].value().data<float>()) CHECK(std::abs(number) <= 0.5F);
  const tw::Tensor x = tw::Tensor::normal({2, 3, 3}, random);
  CHECK(tw::identical(tw::compute([&] { return lstm(x).output; }), tw::compute([&] { return lstm(x).output; })));
  const tw::Tape tape;
  CHECK_FALSE(tw::identical(lstm(x).output.value(), lstm(x).output.value()));
}

TEST_CASE("recurrent layers: lengths are from 0 to the number of steps, others are errors") {
  tw::ParameterRegistry registry;
  const tw::RNN rnn(registry, "rnn", 3, 4, {.bidirectional = true});
  const tw::LSTM lstm(registry, "lstm", 3, 4);
  tw::Random random(0);
  const tw::Tensor x = tw::Tensor::normal({2, 5, 3}, random), state = tw::Tensor::normal({1, 2, 4}, random);
  const tw::Tensor too_long{6, 5}, negative{0, -1}, none_and_all{0, 5};
  for (const tw::Engine engine : {tw::Engine::planned, tw::Engine::eager}) {
    const tw::Tape tape({.engine = engine});
    const std::string here = " at sequence_layers_test.cpp:" + std::to_string(__LINE__ + 1);
    const auto outputs = [&](const tw::Tensor& lengths) { return rnn(x, {.lengths = lengths}).output.value(); };
    CHECK_THROWS_WITH(outputs(too_long), "[rnn/RNN] length 6 at place 0 is out of range for 5 steps" + here);
    CHECK_THROWS_WITH(outputs(negative), "[rnn/RNN] length -1 at place 1 is out of range for 5 steps" + here);
    CHECK_THROWS_AS(rnn(x, {.lengths = negative}).hidden.value(), tw::ValueError);
    CHECK_THROWS_AS(lstm(x, {.lengths = too_long}).cell.value(), tw::ValueError);
    const auto [output, hidden, cell] = lstm(x, {.hidden = state, .cell = state, .lengths = none_and_all});
    const auto [all_output, all_hidden, all_cell] = lstm(x, {.hidden = state, .cell = state});
    const auto none_of = [](const tw::Var& none, const tw::Var& all, int axis) {
      return tw::concatenate({tw::slice(none, axis, 0, 1), tw::slice(all, axis, 1, 2)}, axis).value();
    };
    CHECK(tw::identical(output.value(), none_of(tw::Tensor::zeros({2, 5, 4}), all_output, 0)));
    CHECK(tw::identical(hidden.value(), none_of(state, all_hidden, 1)));
    CHECK(tw::identical(cell.value(), none_of(state, all_cell, 1)));
  }
}

TEST_CASE("recurrent layers: what they refuse") {
  tw::ParameterRegistry registry;
  const tw::GRU gru(registry, "encoder", 3, 4);
  const tw::Tape tape;
  const tw::Tensor x = tw::Tensor::zeros({2, 5, 3});
  const std::string here = " at sequence_layers_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { gru(tw::Tensor::zeros({2, 5, 4})); };
  CHECK_THROWS_WITH(
      call(),
      "[encoder/GRU] x must be (n, steps, inputs) with 3 inputs, and at least one step, it is (2, 5, 4)" + here);
  CHECK_THROWS_AS(gru(tw::Tensor::zeros({5, 3})), tw::ShapeError);
  CHECK_THROWS_AS(gru(tw::Tensor::zeros({2, 0, 3})), tw::ShapeError);
  CHECK_THROWS_WITH(gru(x, {.hidden = tw::Tensor::zeros({2, 4})}),
                    Catch::StartsWith("[encoder/GRU] hidden must be (layers·directions, n, hidden) = (1, 2, 4), it is "
                                      "(2, 4)"));
  CHECK_THROWS_WITH(gru(x, {.lengths = tw::Tensor{1, 2, 3}}),
                    Catch::StartsWith("[encoder/GRU] lengths must be (2,) for x (2, 5, 3), they are (3,)"));
  CHECK_THROWS_WITH(gru(x, {.lengths = tw::Tensor{1., 2.}}),
                    Catch::StartsWith("[encoder/GRU] lengths must be i64, they are f32"));
  CHECK_THROWS_WITH(tw::GRU(registry, "g", 3, 0),
                    Catch::StartsWith("[GRU] hidden must be at least 1, got 0 at sequence_layers_test.cpp:"));
  CHECK_THROWS_AS(tw::LSTM(registry, "g", 3, 1, {.layers = 0}), tw::ValueError);
  CHECK_THROWS_AS(tw::RNN(registry, "g", 0, 1), tw::ValueError);
  registry.add("g.bias_hh_l1", tw::zeros({1}));
  CHECK_THROWS_WITH(tw::RNN(registry, "g", 3, 1, {.layers = 2}),
                    Catch::StartsWith("[RNN] the registry has a parameter \"g.bias_hh_l1\" already"));
  CHECK(registry.size() == 5);
}

TEST_CASE("MultiheadAttention: masks together, and queries that may attend to nothing") {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::MultiheadAttention attention(registry, "attention", 4, 2);
  tw::Random random(0);
  const tw::Tensor x = tw::Tensor::normal({2, 3, 4}, random, tw::f64);
  const tw::Tensor keys = tw::Tensor{{1, 1, 0}, {1, 0, 0}}.to(tw::boolean);
  const tw::Tensor both =
      tw::Tensor{{{1, 0, 0}, {1, 1, 0}, {1, 1, 0}}, {{1, 0, 0}, {1, 0, 0}, {1, 0, 0}}}.to(tw::boolean);
  const tw::Tape tape;
  CHECK(tw::identical(attention(x, {.causal = true, .key_mask = keys}).value(), attention(x, {.mask = both}).value()));
  const tw::Tensor none = tw::Tensor::zeros({2, 3}, tw::boolean);
  const tw::Var y = attention(x, {.key_mask = none});
  tw::backward(tw::sum(y));
  CHECK(tw::all(tw::isfinite(y)).item<bool>());
  CHECK(tw::all_close(y.value(), attention(x, {.mask = tw::Tensor::zeros({3, 3}, tw::boolean)}).value()));
}

TEST_CASE("MultiheadAttention, TransformerEncoderLayer: what they refuse") {
  tw::ParameterRegistry registry;
  const tw::MultiheadAttention attention(registry, "attention", 4, 2);
  const tw::TransformerEncoderLayer layer(registry, "layer1", 4, 2, 8);
  const std::int64_t size = registry.size();
  const tw::Tape tape;
  const tw::Tensor x = tw::Tensor::zeros({2, 3, 4}), source = tw::Tensor::zeros({2, 5, 4});
  const std::string here = " at sequence_layers_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { attention(tw::Tensor::zeros({2, 3, 5})); };
  CHECK_THROWS_WITH(
      call(), "[attention/MultiheadAttention] x must be (n, length, features) with 4 features, it is (2, 3, 5)" + here);
  CHECK_THROWS_WITH(layer(tw::Tensor::zeros({2, 3, 5})),
                    Catch::StartsWith("[layer1/layer1.self_attn/MultiheadAttention] x must be"));
  CHECK_THROWS_WITH(attention(x, tw::Tensor::zeros({3, 5, 4})),
                    Catch::Contains("x (2, 3, 4) and the source (3, 5, 4) are batches of different sizes"));
  CHECK_THROWS_WITH(attention(x, source, {.causal = true}), Catch::Contains("causal attention of 3 queries to 5 keys"));
  CHECK_THROWS_WITH(
      attention(x, source, {.mask = tw::Tensor::zeros({3, 3})}),
      Catch::Contains("the mask (3, 3) does not fit the scores (n, heads, queries, keys) = (2, 2, 3, 5)"));
  CHECK_THROWS_WITH(attention(x, {.key_mask = tw::Tensor::zeros({3, 3}, tw::boolean)}),
                    Catch::Contains("the key mask must be (n, keys) = (2, 3), it is (3, 3)"));
  CHECK_THROWS_WITH(attention(x, {.key_mask = tw::Tensor::zeros({2, 3})}),
                    Catch::Contains("the key mask must be bool, it is f32"));
  CHECK_THROWS_WITH(tw::MultiheadAttention(registry, "a", 4, 3),
                    Catch::StartsWith("[MultiheadAttention] 4 features do not make 3 heads at sequence_layers_test"));
  CHECK_THROWS_AS(tw::MultiheadAttention(registry, "a", 4, 0), tw::ValueError);
  CHECK_THROWS_AS(tw::TransformerEncoderLayer(registry, "a", 4, 3, 8), tw::ShapeError);
  CHECK_THROWS_AS(tw::TransformerEncoderLayer(registry, "a", 4, 2, 0), tw::ValueError);
  CHECK_THROWS_AS(tw::TransformerEncoderLayer(registry, "layer1", 4, 2, 8), tw::ValueError);
  CHECK(registry.size() == size);
}
