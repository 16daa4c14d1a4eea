// The gradient checker against ops made up here, right and wrong.
#include <thalweg/check_gradients.hpp>

#include <catch2/catch.hpp>

#include <limits>

#include <thalweg/differentiate.hpp>
#include <thalweg/ops/ops.hpp>

using namespace thalweg;
using Inputs = std::span<const Var>;
using Catch::Matchers::Contains;

namespace {

NodeType type_of_first(const Inference& inference) { return inference.input(0); }

void cube_kernel(const OpaqueCall& call) {
  const auto* x = static_cast<const double*>(call.inputs[0]);
  auto* y = static_cast<double*>(call.output);
  for (std::int64_t i = 0; i < call.output_type.shape.size(); ++i) y[i] = x[i] * x[i] * x[i];
}

/// x³ with the gradient rule given.
constexpr Op cube(PullbackRule rule) {
  return {.name = "cube",
          .kind = Kind::opaque,
          .shape_rule = type_of_first,
          .pullbacks = {rule},
          .opaque_kernel = cube_kernel};
}
const Op right = cube([](const Pullback& p) { return p.gradient * 3 * square(p.input(0)); });
const Op doubled = cube([](const Pullback& p) { return p.gradient * 6 * square(p.input(0)); });
const Op negated = cube([](const Pullback& p) { return p.gradient * -3 * square(p.input(0)); });
const Op not_a_number = cube([](const Pullback& p) { return p.gradient * std::numeric_limits<double>::quiet_NaN(); });
const Op detached = cube([](const Pullback& p) { return p.gradient * 3 * square(stop_gradient(p.input(0))); });
const Op detached_gradient = cube([](const Pullback& p) { return stop_gradient(p.gradient) * 3 * square(p.input(0)); });
const Op one_percent_off = cube([](const Pullback& p) { return p.gradient * 3.03 * square(p.input(0)); });
const Op without_rule = cube(nullptr);

/// x (n, k) + row (k,), whose gradient rule for the row takes one row for the sum of all.
void add_row_kernel(const OpaqueCall& call) {
  const auto *x = static_cast<const double*>(call.inputs[0]), *row = static_cast<const double*>(call.inputs[1]);
  const std::int64_t width = call.input_types[1].shape.size();
  for (std::int64_t i = 0; i < call.output_type.shape.size(); ++i)
    static_cast<double*>(call.output)[i] = x[i] + row[i % width];
}
const Op add_row_unsummed{.name = "add_row",
                          .kind = Kind::opaque,
                          .shape_rule = type_of_first,
                          .pullbacks = {[](const Pullback& p) { return p.gradient; },
                                        [](const Pullback& p) { return squeeze(slice(p.gradient, 0, 0, 1), 0); }},
                          .opaque_kernel = add_row_kernel};

Tensor some() { return Tensor({{0.5, -1.25, 2.}, {1.5, 0.75, -0.375}}, DType::f64); }

GradientReport check(const Op& op, const GradientCheckOptions& options = {}) {
  return check_gradients([&](Inputs x) { return record(op, x[0]); }, {some()}, options);
}

}  // namespace

TEST_CASE("check_gradients: a right rule passes, first and second order, planned and eager") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const GradientReport report = check(right, {.engine = engine});
    INFO(to_string(report));
    CHECK(report.ok);
    CHECK(report.message.empty());
    CHECK(report.checked == 6 + 6 + 6);  // the gradient; its own, of x and of the cotangent
    CHECK_THAT(to_string(report), Contains("18 gradients checked"));
  }
  CHECK(check(right, {.second_order = false}).checked == 6);
}

TEST_CASE("edge case 54: check_gradients: a factor, a sign, NaN, a missing rule fail at first order") {
  for (const Op* op : {&doubled, &negated, &one_percent_off, &without_rule}) {
    const GradientReport report = check(*op, {.second_order = false});
    CHECK_FALSE(report.ok);
    CHECK(report.worst.front().verdict == GradientEntry::Verdict::wrong);
    CHECK(report.worst.front().order == 1);
    CHECK_THAT(report.message, Contains("wrong gradient: first order, input 0, element ["));
  }
  const GradientReport report = check(not_a_number);
  CHECK_FALSE(report.ok);
  CHECK(report.worst.front().verdict == GradientEntry::Verdict::not_finite);
  CHECK_THAT(report.message, Contains("not finite: first order, input 0, element [0, 0]: gradient nan"));
}

TEST_CASE("check_gradients: the report names input, element, both numbers") {
  const GradientReport report =
      check_gradients([](Inputs x) { return x[0] * record(one_percent_off, x[1]); },
                      {Tensor({1.}, DType::f64), Tensor({{0.}, {2.}}, DType::f64)}, {.second_order = false});
  REQUIRE_FALSE(report.ok);
  const GradientEntry& worst = report.worst.front();
  CHECK(worst.input == 1);
  CHECK(worst.element == 1);
  CHECK(worst.place == "input 1, element [1, 0]");
  CHECK(worst.gradient == Approx(1.01 * worst.difference).epsilon(1e-9));
  CHECK(worst.relative_error == Approx(0.01 / 1.01).epsilon(1e-6));
}

TEST_CASE("edge case 54: check_gradients: a sum over the broadcast dimension that is missing fails") {
  const auto add_row = [](Inputs x) { return record(add_row_unsummed, x[0], x[1]); };
  const GradientReport report = check_gradients(add_row, {some(), Tensor({1., 2., 3.}, DType::f64)});
  CHECK_FALSE(report.ok);
  CHECK(report.worst.front().input == 1);
  CHECK_THAT(report.message, Contains("wrong gradient: first order, input 1"));
}

TEST_CASE("check_gradients: a rule that detaches fails at second order only") {
  for (const Op* op : {&detached, &detached_gradient}) {
    CHECK(check(*op, {.second_order = false}).ok);
    const GradientReport report = check(*op);
    CHECK_FALSE(report.ok);
    for (const GradientEntry& entry : report.worst)
      if (entry.verdict != GradientEntry::Verdict::right) CHECK(entry.order == 2);
  }
  CHECK_THAT(check(detached).message, Contains("second order, input 0"));
  CHECK_THAT(check(detached_gradient).message, Contains("second order, cotangent"));
}

TEST_CASE("edge case 54: check_gradients: a kink within the step is told from a wrong gradient") {
  const auto relu_of = [](Inputs x) { return relu(x[0]); };
  for (const double at : {0., 3e-4, -3e-4, 1e-3, -1.5e-3}) {
    const GradientReport report = check_gradients(relu_of, {Tensor({1., at}, DType::f64)}, {.second_order = false});
    INFO("at " << at << ": " << to_string(report));
    CHECK_FALSE(report.ok);
    CHECK(report.worst.front().verdict == GradientEntry::Verdict::kink);
    CHECK(report.worst.front().element == 1);
    CHECK_THAT(report.message, Contains("kink within the step"));
    CHECK_THAT(report.message, !Contains("wrong gradient"));
  }
  CHECK(check_gradients(relu_of, {Tensor({1., -0.01, 0.01}, DType::f64)}).ok);
}

TEST_CASE("edge case 54: check_gradients: f32 inputs are checked in f64; exp at 1 passes") {
  CHECK(check_gradients([](Inputs x) { return exp(x[0]); }, {Tensor({1.})}).ok);
  const GradientReport report = check_gradients([](Inputs x) { return record(one_percent_off, x[0]); }, {Tensor({1.})});
  CHECK_FALSE(report.ok);
}

TEST_CASE("check_gradients: inputs without fractions are not varied; none at all is an error") {
  const auto pick = [](Inputs x) { return gather(x[0], x[1]); };
  const GradientReport report = check_gradients(pick, {some(), Tensor{0, 1, 0}});
  INFO(to_string(report));
  CHECK(report.ok);
  CHECK_THROWS_AS(check_gradients([](Inputs x) { return x[0] + x[0]; }, {Tensor{1, 2}}), DtypeError);
  CHECK_THROWS_AS(check_gradients([](Inputs x) { return x[0] < 1; }, {some()}), DtypeError);
}

TEST_CASE("check_gradients: empty inputs and 0-d ones") {
  CHECK(check_gradients([](Inputs x) { return x[0] * x[1]; }, {Tensor::zeros({0, 3}), Tensor({1., 2., 3.}, DType::f64)})
            .ok);
  CHECK(check_gradients([](Inputs x) { return x[0] * x[1]; }, {Tensor(2.), some()}).ok);
}

TEST_CASE("check_gradients: settings without meaning are errors") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (const double setting : {0., -1e-3, nan, infinity}) {
    CHECK_THROWS_AS(check(right, {.step = setting}), ValueError);
    CHECK_THROWS_AS(check(right, {.tolerance = setting}), ValueError);
  }
}

TEST_CASE("check_gradients: what the function throws goes through") {
  CHECK_THROWS_AS(check_gradients([](Inputs x) { return matmul(x[0], x[0]); }, {some()}), ShapeError);
}
