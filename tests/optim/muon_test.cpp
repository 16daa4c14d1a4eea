#include <catch2/catch.hpp>

#include <thalweg/thalweg.hpp>

#include "tests/registry/thrown.hpp"

using namespace thalweg;
using test::thrown;

TEST_CASE("Muon: paths of 100 steps are those of the authors' text", "[optim]") {
  struct Reference {
    MuonOptions options;
    double sums[6];
  };
  // references/lbfgs_and_muon.py: for each of three matrices the sum of its values and their weighted sum.
  const Reference references[] = {
      {{},
       {0.43125141525289795, 5.215032550695895, 0.6604955033598199, 11.112054690924968, 0.5582244406014449,
        5.381766467742042}},
      {{.nesterov = false},
       {0.30915364709688464, 4.359658562494043, 0.5063666845570371, 9.682913892957398, 0.46026284900632297,
        4.694987549608523}},
      {{.scale = MuonScale::adam},
       {-0.2831421809506208, 3.7198568042691327, -0.9259826392003165, -5.786313228816243, 0.960925274792503,
        13.204608408856643}},
      {{.momentum = 0.8, .iterations = 3},
       {0.41969906225727954, 5.787729213999556, 0.26604879032708506, 6.351912157914155, 0.6429762461794151,
        5.497030134350532}},
  };
  for (const Reference& reference : references) {
    ParameterRegistry registry({.dtype = f64});
    std::vector<Parameter> parameters;
    for (const Shape& shape : {Shape{3, 3}, Shape{4, 5}, Shape{6, 2}}) {
      Tensor start = Tensor::empty(shape, f64);
      for (std::int64_t i = 0; i < shape.size(); ++i)
        start.mutable_data<double>()[static_cast<std::size_t>(i)] = static_cast<double>(i * 7 % 13) / 6 - 1;
      parameters.push_back(registry.add("w" + std::to_string(parameters.size()), start));
    }
    Muon muon(registry, reference.options);
    for (std::int64_t step = 0; step < 100; ++step) {
      Tape tape;
      Var loss = 0.;
      for (const Parameter& parameter : parameters) {
        const Tensor value = parameter.value();
        Tensor gradient = Tensor::empty(value.shape(), f64);
        for (std::int64_t i = 0; i < value.size(); ++i) {
          const auto at = static_cast<std::size_t>(i);
          gradient.mutable_data<double>()[at] =
              (0.25 + static_cast<double>(i * 5 % 7) / 8) *
                  (value.data<double>()[at] - (static_cast<double>(i * 3 % 11) / 10 - 0.4)) +
              (static_cast<double>((step * 7 + i * 3) % 11) - 5) / 12;
        }
        loss = loss + sum(Var(parameter) * gradient);
      }
      backward(loss);
      muon.step();
    }
    for (std::size_t k = 0; k < 3; ++k) {
      double plain = 0, weighted = 0, place = 0;
      const Tensor values = parameters[k].value();
      for (const double value : values.data<double>()) {
        plain += value;
        weighted += value * ++place;
      }
      CHECK(plain == Approx(reference.sums[2 * k]).epsilon(1e-10));
      CHECK(weighted == Approx(reference.sums[2 * k + 1]).epsilon(1e-10));
    }
  }
}

TEST_CASE("Muon: a gradient of 0 moves nothing; only matrices are taken", "[optim]") {
  ParameterRegistry registry;
  const Parameter w = registry.add("affine1.weight", ones({2, 3}));
  registry.add("affine1.bias", ones({3}));
  CHECK(thrown<ShapeError>([&] {
          Muon(registry, {}, {"main.cpp", 3});
        }) ==
        "[muon] \"affine1.bias\" has shape (3,): only matrices are made orthogonal; give the others to another "
        "optimizer, and select() these at main.cpp:3");
  Muon muon(registry.select("*.weight"));
  AdamW rest(registry.select("*.bias"), {.weight_decay = 0});
  Tape tape;
  backward(sum(Var(w) * Tensor::zeros({2, 3})) + sum(Var(registry["affine1.bias"])));
  muon.step();
  rest.step();
  CHECK(identical(w.value(), Tensor::ones({2, 3})));
  CHECK(registry["affine1.bias"].value().data<float>()[0] == Approx(0.999).epsilon(1e-6));
  CHECK_THROWS_AS(Muon(registry.select("*.weight"), {.iterations = 0}), ValueError);
}
