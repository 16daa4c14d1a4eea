#include <limits>

#include <catch2/catch.hpp>

#include <thalweg/differentiate.hpp>
#include <thalweg/nn/initializers.hpp>

#include "src/registry/core.hpp"
#include "tests/registry/thrown.hpp"

using namespace thalweg;
using test::thrown;

namespace {

/// Writes as backward does.
void fill(Gradients& gradients, const Parameter& parameter, double value) {
  const auto& entry = parameter.core()->entries[static_cast<std::size_t>(parameter.index())];
  auto* data = static_cast<float*>(gradients.data()) + entry.offset;
  for (std::int64_t i = 0; i < entry.shape.size(); ++i) data[i] = static_cast<float>(value + static_cast<double>(i));
}

}  // namespace

TEST_CASE("Gradients: they start at zero, add, scale and become the registry's") {
  ParameterRegistry registry;
  const Parameter a = registry.add("a", zeros({3})), b = registry.add("b", zeros({2}));
  Gradients first(registry), second(registry);
  CHECK(identical(first[b], Tensor::zeros({2})));
  fill(first, a, 1);
  fill(first, b, 10);
  fill(second, b, 100);
  first += second;
  CHECK(identical(first[a], Tensor{1., 2., 3.}));
  CHECK(identical(first[b], Tensor{110., 112.}));
  CHECK(identical(second[b], Tensor{100., 101.}));
  first *= 0.5;
  CHECK(identical(first[b], Tensor{55., 56.}));
  CHECK_FALSE(registry.core()->gradients_filled);
  first.store();
  CHECK(registry.core()->gradients_filled);
  CHECK(identical(a.gradient(), Tensor{0.5, 1., 1.5}));
  first.set_zero();
  CHECK(identical(first[a], Tensor::zeros({3})));
  CHECK(identical(a.gradient(), Tensor{0.5, 1., 1.5}));
}

TEST_CASE("Gradients: a copy has numbers of its own") {
  ParameterRegistry registry;
  const Parameter a = registry.add("a", zeros({2}));
  Gradients first(registry);
  fill(first, a, 1);
  Gradients copy = first;
  copy *= 2;
  CHECK(identical(first[a], Tensor{1., 2.}));
  CHECK(identical(copy[a], Tensor{2., 4.}));
}

TEST_CASE("Gradients: the padding stays zero whatever they are multiplied by") {
  ParameterRegistry registry;
  const Parameter a = registry.add("a", zeros({1}));
  registry.add("b", zeros({1}));
  Gradients gradients(registry);
  fill(gradients, a, 1);
  gradients *= std::numeric_limits<double>::infinity();
  CHECK(static_cast<float*>(gradients.data())[0] == std::numeric_limits<float>::infinity());
  CHECK(static_cast<float*>(gradients.data())[1] == 0);
}

TEST_CASE("Gradients: those of another registry or of an older layout are rejected") {
  ParameterRegistry registry, other;
  const Parameter a = registry.add("a", zeros({2})), mean = registry.add("mean", zeros({2}), {.trainable = false});
  const Parameter foreign = other.add("a", zeros({2}));
  Gradients gradients(registry), others(other);
  CHECK_THROWS_AS(gradients += others, ValueError);
  CHECK_THROWS_AS(gradients[foreign], ValueError);
  CHECK_THROWS_AS(gradients[mean], ValueError);

  fill(gradients, a, 1);
  registry.add("b", zeros({100}));
  CHECK(thrown<ValueError>([&] {
          gradients.store({"model.cpp", 7});
        }) == "[store] these gradients are from before a parameter was added, frozen or converted at model.cpp:7");
  CHECK_THROWS_AS(gradients *= 2, ValueError);
  CHECK_FALSE(registry.core()->gradients_filled);
  // backward lays them out anew.
  static_cast<float*>(gradients.data())[registry.core()->trainable_elements - 1] = 0;
  CHECK(identical(gradients[registry["b"]], Tensor::zeros({100})));
}
