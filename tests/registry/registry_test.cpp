#include <thalweg/registry.hpp>

#include <cmath>
#include <cstdint>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <thalweg/nn/initializers.hpp>

#include "src/registry/core.hpp"
#include "tests/registry/thrown.hpp"

using namespace thalweg;
using test::thrown;

namespace {

std::string at(int line) { return fmt::format(" at registry_test.cpp:{}", line); }

/// 1, 2, 3, … from `first`.
Initializer counting(const Shape& shape, double first) {
  return {shape, [first](std::span<double> values, std::uint64_t, std::uint32_t) {
            double next = first;
            for (double& value : values) value = next++;
          }};
}

Tensor expected_count(const Shape& shape, double first, DType dtype) {
  Tensor tensor = Tensor::empty(shape, f64);
  for (double& value : tensor.mutable_data<double>()) value = first++;
  return tensor.to(dtype);
}

/// Whether all elements between the parameters are zero.
bool padding_is_zero(const internal::RegistryCore& core) {
  const std::size_t size = size_of(core.dtype);
  std::vector<char> seen(static_cast<const char*>(core.trainable_values.data()),
                         static_cast<const char*>(core.trainable_values.data()) + core.trainable_bytes());
  for (const auto& entry : core.entries)
    if (entry.trainable)
      for (std::int64_t i = 0; i < entry.shape.size() * static_cast<std::int64_t>(size); ++i)
        seen[static_cast<std::size_t>(entry.offset) * size + static_cast<std::size_t>(i)] = 0;
  for (const char byte : seen)
    if (byte != 0) return false;
  return true;
}

}  // namespace

TEST_CASE("ParameterRegistry: parameters keep name, shape, dtype and value") {
  ParameterRegistry registry({.seed = 0, .dtype = f64});
  const Parameter weight = registry.add("affine1.weight", counting({2, 3}, 1));
  const Parameter bias = registry.add("affine1.bias", counting({3}, 10));
  CHECK(weight.name() == "affine1.weight");
  CHECK(weight.shape() == Shape{2, 3});
  CHECK(weight.dtype() == f64);
  CHECK(weight.trainable());
  CHECK(identical(weight.value(), expected_count({2, 3}, 1, f64)));
  CHECK(identical(bias.value(), expected_count({3}, 10, f64)));
  CHECK(identical(bias.gradient(), Tensor::zeros({3}, f64)));
  CHECK(registry.size() == 2);
  CHECK(registry.element_count() == 9);
  CHECK(registry.contains("affine1.bias"));
  CHECK_FALSE(registry.contains("affine1"));
  CHECK(registry["affine1.bias"].index() == bias.index());
  CHECK(registry.parameters()[0].name() == "affine1.weight");
  // One list, so that these belong together.
  const std::vector<Parameter> all(registry.parameters().begin(), registry.parameters().end());
  CHECK(all.size() == 2);
}

TEST_CASE("ParameterRegistry: copies of a Parameter alias one value, and outlive the registry") {
  Parameter first, second;
  {
    ParameterRegistry registry;
    first = registry.add("w", zeros({2}));
    second = registry["w"];
  }
  first.set_value(Tensor{1.5, 2.5});
  CHECK(identical(second.value(), Tensor{1.5, 2.5}));
}

TEST_CASE("ParameterRegistry: every parameter starts on a boundary of 64 bytes, with zeros between") {
  for (const DType dtype : {f32, f64}) {
    ParameterRegistry registry({.dtype = dtype});
    for (int i = 0; i < 20; ++i) {
      registry.add("t" + std::to_string(i), counting({2 * i + 1}, 100 * i));
      registry.add("f" + std::to_string(i), counting({i}, -i), {.trainable = false});
    }
    const internal::RegistryCore& core = *registry.core();
    for (int i = 0; i < registry.size(); ++i) {
      CAPTURE(i);
      CHECK(reinterpret_cast<std::uintptr_t>(core.value_data(i)) % 64 == 0);
      if (core.entries[static_cast<std::size_t>(i)].trainable)
        CHECK(reinterpret_cast<std::uintptr_t>(core.gradient_data(i)) % 64 == 0);
    }
    CHECK(core.trainable_bytes() % 64 == 0);
    CHECK(padding_is_zero(core));
    // What was added first is where it was, through all the growing.
    CHECK(identical(registry["t0"].value(), expected_count({1}, 0, dtype)));
    CHECK(identical(registry["t19"].value(), expected_count({39}, 1900, dtype)));
    CHECK(identical(registry["f7"].value(), expected_count({7}, -7, dtype)));
  }
}

TEST_CASE("ParameterRegistry: a parameter may be empty") {
  ParameterRegistry registry;
  Parameter empty = registry.add("empty", he_normal({0, 5}));
  const Parameter after = registry.add("after", ones({1}));
  CHECK(empty.value().shape() == Shape{0, 5});
  CHECK(empty.gradient().shape() == Shape{0, 5});
  empty.set_value(Tensor::zeros({0, 5}));
  CHECK(after.value().item() == 1);
  registry.convert(f64);
  CHECK(empty.value().dtype() == f64);
}

TEST_CASE("ParameterRegistry: what changes the structure changes the core's uid") {
  ParameterRegistry registry, other;
  auto uid = [&] { return registry.core()->uid; };
  CHECK(uid() != other.core()->uid);
  std::uint32_t last = uid();
  const auto changed = [&] { return uid() != std::exchange(last, uid()); };
  registry.add("w", zeros({2}));
  CHECK(changed());
  registry.set_trainable("w", false);
  CHECK(changed());
  registry.convert(f64);
  CHECK(changed());
  registry["w"].set_value(Tensor({1., 2.}, f64));
  CHECK_FALSE(changed());
}

TEST_CASE("ParameterRegistry: set_trainable moves values, gradients and state along") {
  ParameterRegistry registry({.dtype = f64});
  for (const char* name : {"a", "b", "c"}) registry.add(name, counting({5}, name[0]));
  for (const char* name : {"a", "b", "c"})
    registry.set_state(std::string("adam.first_moment/") + name, expected_count({5}, name[0] + 0.25, f64));
  const Tensor value = registry["c"].value();
  *reinterpret_cast<double*>(registry.core()->gradient_data(2)) = 7;

  registry.set_trainable("a", false);
  CHECK_FALSE(registry["a"].trainable());
  CHECK(registry.element_count() == 10);
  CHECK(registry.element_count(true) == 15);
  CHECK(identical(registry["c"].value(), value));
  CHECK(registry["c"].gradient().at<double>({0}) == 7);
  CHECK(identical(registry["a"].value(), expected_count({5}, 'a', f64)));
  CHECK(identical(registry.state("adam.first_moment/c"), expected_count({5}, 'c' + 0.25, f64)));

  registry.set_trainable("*", true);
  CHECK(identical(registry["a"].value(), expected_count({5}, 'a', f64)));
  CHECK(identical(registry.state("adam.first_moment/a"), Tensor::zeros({5}, f64)));
  CHECK(identical(registry.state("adam.first_moment/b"), expected_count({5}, 'b' + 0.25, f64)));
}

TEST_CASE("ParameterRegistry: a pattern does not unfreeze what was added as not trainable") {
  ParameterRegistry registry;
  const Parameter gamma = registry.add("norm.gamma", Tensor{1.});
  const Parameter mean = registry.add("norm.running_mean", Tensor{0.}, {.trainable = false});
  for (const bool trainable : {false, true}) {
    registry.set_trainable("norm.*", trainable);
    CHECK(gamma.trainable() == trainable);
    CHECK_FALSE(mean.trainable());
  }
  registry.set_trainable("norm.running_mean", true);
  CHECK(mean.trainable());
}

TEST_CASE("ParameterRegistry: convert retypes values and state in place, and handles go on working") {
  ParameterRegistry registry;
  Parameter weight = registry.add("w", counting({17}, 0.5));
  const Parameter mean = registry.add("mean", counting({3}, -1), {.trainable = false});
  registry.set_state("momentum.velocity/w", expected_count({17}, 3, f32));
  registry.convert(f64);
  CHECK(registry.dtype() == f64);
  CHECK(identical(weight.value(), expected_count({17}, 0.5, f64)));
  CHECK(identical(mean.value(), expected_count({3}, -1, f64)));
  CHECK(identical(registry.state("momentum.velocity/w"), expected_count({17}, 3, f64)));
  weight.set_value(Tensor::full({17}, 0.1, f64));
  registry.convert(f32);
  CHECK(identical(weight.value(), Tensor::full({17}, 0.1, f32)));
  CHECK(padding_is_zero(*registry.core()));
}

TEST_CASE("ParameterRegistry: a parameter added later starts without state, the others keep theirs") {
  ParameterRegistry registry;
  registry.add("a", zeros({3}));
  registry.set_state("sgd.x/a", Tensor{1., 2., 3.});
  registry.add("b", zeros({40}));
  CHECK(identical(registry.state("sgd.x/a"), Tensor{1., 2., 3.}));
  CHECK(identical(registry.state("sgd.x/b"), Tensor::zeros({40})));
  CHECK(registry.state_names() == std::vector<std::string>{"sgd.x"});
}

TEST_CASE("ParameterRegistry: select takes a pattern") {
  ParameterRegistry registry;
  for (const char* name : {"generator.1.weight", "generator.1.bias", "critic.1.weight"}) registry.add(name, zeros({1}));
  CHECK(registry.select("generator.*").indices() == std::vector<int>{0, 1});
  CHECK(registry.select("*.weight").indices() == std::vector<int>{0, 2});
  CHECK(registry.select("*").indices() == std::vector<int>{0, 1, 2});
  CHECK(registry.select("critic.1.weight").indices() == std::vector<int>{2});
}

TEST_CASE("matches: '*' stands for any text") {
  using internal::matches;
  CHECK(matches("", ""));
  CHECK(matches("*", ""));
  CHECK(matches("a*b*c", "axxbyybzzc"));
  CHECK(matches("**a", "a"));
  CHECK_FALSE(matches("", "a"));
  CHECK_FALSE(matches("a", ""));
  CHECK_FALSE(matches("a*b", "abc"));
  CHECK_FALSE(matches("a", "ab"));
}

TEST_CASE("ParameterRegistry: errors about names say what is wrong, and change nothing") {
  ParameterRegistry registry;
  registry.add("affine1.weight", zeros({2}));
  registry.add("affine1.bias", zeros({2}));
  const std::uint32_t uid = registry.core()->uid;
  CHECK(thrown<ValueError>([&] {
          registry.add("affine1.bias", zeros({2}), {}, {"model.cpp", 7});
        }) == "[add] there is a parameter \"affine1.bias\" already at model.cpp:7");
  CHECK(thrown<ValueError>([&] {
          registry.add("", zeros({2}), {}, {"model.cpp", 7});
        }) == "[add] a parameter's name is empty at model.cpp:7");
  CHECK(thrown<ValueError>([&] {
          registry.add("x", Initializer{}, {}, {"model.cpp", 7});
        }) == "[add] the initializer of \"x\" is empty at model.cpp:7");
  CHECK(thrown<ValueError>([&] {
          (void)registry[NameArgument("afine1.wieght", {"model.cpp", 7})];
        }) == "[registry] no parameter \"afine1.wieght\"; the closest is \"affine1.weight\" at model.cpp:7");
  CHECK(thrown<ValueError>([&] {
          (void)registry.select("afine1.b*", {"model.cpp", 7});
        }) == "[select] no parameter's name matches \"afine1.b*\"; the closest is \"affine1.bias\" at model.cpp:7");
  CHECK_THROWS_AS(registry.set_trainable("x*", false), ValueError);
  CHECK(registry.size() == 2);
  CHECK(registry.core()->uid == uid);

  const ParameterRegistry none;
  CHECK(thrown<ValueError>([&] {
          (void)none[NameArgument("w", {"model.cpp", 7})];
        }) == "[registry] no parameter \"w\"; there are none at model.cpp:7");
}

TEST_CASE("ParameterRegistry: an error names the caller's line") {
  ParameterRegistry registry;
  const std::string text = thrown<ValueError>([&] { (void)registry["w"]; });
  CHECK(text.ends_with(" at registry_test.cpp:" + std::to_string(__LINE__ - 1)));
}

TEST_CASE("ParameterRegistry: a parameter of more bytes than there are is an error, and is not added") {
  ParameterRegistry registry;
  const Initializer large{Shape{std::int64_t{1} << 40, std::int64_t{1} << 22},
                          [](std::span<double>, std::uint64_t, std::uint32_t) { FAIL("nothing to fill"); }};
  CHECK_THROWS_AS(registry.add("weight", large), ShapeError);
  CHECK(registry.size() == 0);
}

TEST_CASE("ParameterRegistry: dtypes other than f32 and f64 are rejected") {
  CHECK(thrown<DtypeError>([] {
          ParameterRegistry registry({.dtype = i64}, {"model.cpp", 7});
        }) == "[ParameterRegistry] parameters are f32 or f64, not i64 at model.cpp:7");
  ParameterRegistry registry;
  CHECK_THROWS_AS(registry.convert(boolean), DtypeError);
}

TEST_CASE("Parameter: set_value rejects another shape or dtype and changes nothing") {
  ParameterRegistry registry;
  Parameter weight = registry.add("w", ones({2, 3}));
  CHECK(thrown<ShapeError>([&] {
          weight.set_value(Tensor::zeros({3, 2}), {"model.cpp", 7});
        }) == "[set_value] \"w\" has shape (2, 3), the value (3, 2) at model.cpp:7");
  CHECK(thrown<DtypeError>([&] {
          weight.set_value(Tensor::zeros({2, 3}, f64), {"model.cpp", 7});
        }) == "[set_value] \"w\" is f32, the value f64; convert it with to(f32) at model.cpp:7");
  CHECK(identical(weight.value(), Tensor::ones({2, 3})));
  CHECK(weight.size() == 6);
  CHECK(weight.rank() == 2);
  Parameter empty;
  const std::string text = "this Parameter is empty: nothing was assigned to it";
  CHECK(thrown<ValueError>([&] { static_cast<void>(empty.name()); }) == "[name] " + text + at(__LINE__));
  CHECK(thrown<ValueError>([&] { static_cast<void>(empty.shape()); }) == "[shape] " + text + at(__LINE__));
  CHECK(thrown<ValueError>([&] { static_cast<void>(empty.size()); }) == "[shape] " + text + at(__LINE__));
  CHECK(thrown<ValueError>([&] { static_cast<void>(empty.rank()); }) == "[shape] " + text + at(__LINE__));
  CHECK(thrown<ValueError>([&] { static_cast<void>(empty.dtype()); }) == "[dtype] " + text + at(__LINE__));
  CHECK(thrown<ValueError>([&] { static_cast<void>(empty.value()); }) == "[value] " + text + at(__LINE__));
  CHECK(thrown<ValueError>([&] { static_cast<void>(empty.gradient()); }) == "[gradient] " + text + at(__LINE__));
  CHECK_THROWS_AS(empty.set_value(Tensor(1.)), ValueError);
}

TEST_CASE("Parameter: one that is not trainable has no gradient and no state") {
  ParameterRegistry registry;
  Parameter mean = registry.add("running_mean", zeros({2}), {.trainable = false});
  CHECK_FALSE(mean.trainable());
  CHECK(thrown<ValueError>([&] {
          (void)mean.gradient({"model.cpp", 7});
        }) == "[gradient] \"running_mean\" is not trainable: it has no gradient and no optimizer state at model.cpp:7");
  CHECK_THROWS_AS(registry.set_state("adam.first_moment/running_mean", Tensor::zeros({2})), ValueError);
}

TEST_CASE("ParameterRegistry: state by name, and errors about it") {
  ParameterRegistry registry;
  registry.add("block/w", zeros({2}));
  registry.set_state("adam.first_moment/block/w", Tensor{1., 2.});
  CHECK(identical(registry.state("adam.first_moment/block/w"), Tensor{1., 2.}));
  CHECK(thrown<ValueError>([&] {
          (void)registry.state("adam.first_momnt/block/w", {"model.cpp", 7});
        }) == "[state] no state \"adam.first_momnt\"; the closest is \"adam.first_moment\" at model.cpp:7");
  CHECK_THROWS_AS(registry.state("adam.first_moment"), ValueError);
  CHECK_THROWS_AS(registry.state("adam.first_moment/v"), ValueError);
  CHECK_THROWS_AS(registry.set_state("adam.first_moment/block/w", Tensor{1., 2., 3.}), ShapeError);
  CHECK(identical(registry.state("adam.first_moment/block/w"), Tensor{1., 2.}));
}

TEST_CASE("ParameterRegistry: a write to a region is noted for each parameter in it, over changes of layout") {
  ParameterRegistry registry;
  registry.add("a", ones({2}));
  Parameter b = registry.add("b", ones({3})), c = registry.add("c", ones({4}));
  internal::RegistryCore& core = *registry.core();
  c.set_value(Tensor{1., 2., 3., 4.}, {"dir/model.cpp", 7});
  core.note_region_write(core.region_index(0, Shape{core.entries[2].offset}), "step", {"dir/model.cpp", 8});
  b.set_value(Tensor{1., 2., 3.}, {"dir/model.cpp", 9});
  for (const bool moved : {false, true}) {
    if (moved) registry.add("d", ones({5}));
    CHECK(core.describe_writer(0) == "step() at model.cpp:8");
    CHECK(core.last_write(0).count + 1 == core.last_write(1).count);
    CHECK(core.describe_writer(1) == "set_value() at model.cpp:9");
    CHECK(core.describe_writer(2) == "set_value() at model.cpp:7");
  }
}

TEST_CASE("ParameterRegistry: a write is noted with its writer") {
  ParameterRegistry registry;
  Parameter a = registry.add("a", zeros({1})), b = registry.add("b", zeros({1}));
  const std::uint32_t before = registry.core()->write_count;
  a.set_value(Tensor{1.}, {"dir/model.cpp", 7});
  b.set_value(Tensor{1.}, {"dir/model.cpp", 8});
  CHECK(registry.core()->last_write(0).count > before);
  CHECK(registry.core()->describe_writer(0) == "set_value() at model.cpp:7");
  CHECK(registry.core()->describe_writer(1) == "set_value() at model.cpp:8");
}
