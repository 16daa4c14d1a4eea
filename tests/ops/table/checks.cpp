#include "tests/ops/table/checks.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include <thalweg/check_gradients.hpp>
#include <thalweg/simd.hpp>
#include <thalweg/threads.hpp>

#include "src/tape/recorder.hpp"
#include "tests/pool_size.hpp"

namespace thalweg::op_table {

namespace {

/// The dtypes that fractions are checked in.
std::span<const DType> fractions_of(const Row& row) {
  static constexpr DType fractions[] = {DType::f64, DType::f32};
  return std::span(fractions).first(row.only_f64 ? 1 : 2);
}
constexpr Engine engines[] = {Engine::planned, Engine::eager};

const char* name_of(Engine engine) { return engine == Engine::planned ? "planned" : "eager"; }

/// Runs `body` on each SIMD target that the processor has.
void on_each_target(const std::function<void(const char*)>& body) {
  for (const char* target : {"sse4", "avx2", "avx512", "neon"}) {
    try {
      set_simd_target(target);
    } catch (const ValueError&) {
      continue;
    }
    try {
      on_new_thread([&] { body(target); });
    } catch (...) {
      set_simd_target("");
      throw;
    }
  }
  set_simd_target("");
}

// --- accuracy ---

/// How far `value` may be from `wanted`, the exact number, in an array whose largest is `largest`.
double allowed(double wanted, double largest, const Accuracy& accuracy, DType dtype) {
  const bool single = dtype == DType::f32;
  const double epsilon = single ? 0x1p-24 : 0x1p-53, smallest = single ? 0x1p-149 : 0x1p-1074;
  const double ulp = single ? accuracy.ulp_f32 : accuracy.ulp;
  // An ulp is up to 2 epsilon of the number.
  return std::max(2 * epsilon * (ulp * std::abs(wanted) + accuracy.of_largest * largest), ulp * smallest);
}

bool is_close(double value, double wanted, double largest, const Accuracy& accuracy, DType dtype) {
  if (dtype == DType::f32) wanted = static_cast<double>(static_cast<float>(wanted));  // beyond its range: inf
  if (std::isnan(wanted)) return std::isnan(value);
  if (std::isinf(wanted)) return value == wanted;  // no number is close to it
  return value == wanted || std::abs(value - wanted) <= allowed(wanted, largest, accuracy, dtype);
}

/// What is wrong with `value`; empty if it is as exact as it must be.
std::string mismatch(const Tensor& value, const Tensor& wanted, const Accuracy& accuracy) {
  if (!(value.shape() == wanted.shape()))
    return fmt::format("shape {}, wanted {}", to_string(value.shape()), to_string(wanted.shape()));
  if (wanted.size() == 0) return "";
  if (is_floating(value.dtype()) != is_floating(wanted.dtype()) ||
      (!is_floating(wanted.dtype()) && value.dtype() != wanted.dtype()))
    return fmt::format("dtype {}, wanted {}", name(value.dtype()), name(wanted.dtype()));
  if (!is_floating(wanted.dtype()))
    return identical(value, wanted) ? "" : to_string(value) + ", wanted " + to_string(wanted);
  const Tensor value_f64 = value.to(DType::f64), wanted_f64 = wanted.to(DType::f64);
  const std::span<const double> x = value_f64.data<double>(), y = wanted_f64.data<double>();
  double largest = 0;
  for (const double element : y)
    if (std::isfinite(element)) largest = std::max(largest, std::abs(element));
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!is_close(x[i], y[i], largest, accuracy, value.dtype()))
      return fmt::format("element {} is {:.17g}, wanted {:.17g}", i, x[i], y[i]);
  return "";
}

// --- the checks ---

/// A row says what must be said of every op.
void check_complete(const Row& row, Report& report) {
  const auto& shapes = shapes_of(row);
  report.expect(shapes.size() >= 3 || row.domains.empty(), [] { return "fewer than 3 shapes"; });
  report.expect(row.reference.empty() || !recorded(row).empty(),
                [] { return "no reference is recorded: tests/ops/references/record"; });
  report.expect(!row.reference.empty() || !row.examples.empty(), [] { return "neither a reference nor an example"; });
  for (const std::vector<Shape>& one : shapes)
    report.expect(one.size() == row.domains.size(),
                  [] { return "the domains and shapes are of other numbers of inputs"; });
  if (!row.elementwise) return;
  for (std::size_t i = 0; i < row.domains.size(); ++i) {
    if (row.domains[i].dtype != DType::f64) continue;
    for (const double special : {nan, inf, -inf}) {
      const bool found = std::any_of(row.points.begin(), row.points.end(), [&](const Point& point) {
        return std::isnan(special) ? std::isnan(point.inputs.at(i)) : point.inputs.at(i) == special;
      });
      report.expect(found, [&] { return fmt::format("no point with {} as input {}", special, i); });
    }
  }
}

void check_references_here(const Row& row, Report& report, const char* target) {
  for (const Recorded& one : recorded(row))
    for (const Engine engine : engines)
      for (const DType dtype : fractions_of(row)) {
        const std::vector<Tensor> inputs = as_dtype(one.inputs, dtype);
        const Tensor value = evaluate(row, row.function, inputs, {.engine = engine, .order = 0}).front();
        const std::string wrong = mismatch(value, one.value, row.accuracy);
        report.expect(wrong.empty(),
                      [&] { return fmt::format("{}, {}, {}: {}", text_of(inputs), name_of(engine), target, wrong); });
      }
}

void check_references(const Row& row, Report& report) {
  on_each_target([&](const char* target) { check_references_here(row, report, target); });
}

/// What was recorded belongs to what the row draws today.
void check_recorded_inputs(const Row& row, Report& report) {
  if (row.reference.empty()) return;
  const std::vector<std::vector<Tensor>> drawn = reference_inputs(row);
  const std::vector<Recorded>& was = recorded(row);
  bool equal = drawn.size() == was.size();
  for (std::size_t i = 0; equal && i < drawn.size(); ++i)
    equal = std::equal(drawn[i].begin(), drawn[i].end(), was[i].inputs.begin(), was[i].inputs.end(), same);
  report.expect(equal, [] { return "recorded for other inputs: run tests/ops/references/record again"; });
}

/// Whether an error's text ends with a place in the table: the caller's line, not one of the library.
bool names_table(const std::string& text) {
  const std::string place = text.substr(text.rfind(" at ") + 4);
  return place.find("_rows.cpp:") != place.npos || place.rfind("table.cpp:", 0) == 0;
}

/// Both dtypes of fractions are covered by others; here: whole numbers, truths, and the errors for what does not fit.
void check_dtypes(const Row& row, Report& report) {
  const auto& shapes = shapes_of(row);
  const auto has_fraction = [](const Domain& domain) { return domain.dtype == DType::f64; };
  const auto fraction_count = std::count_if(row.domains.begin(), row.domains.end(), has_fraction);
  if (fraction_count == 0 || shapes.empty() || row.only_f64) return;
  const auto at = std::find_if(shapes.begin(), shapes.end(), [](const auto& one) { return one.front().size() > 1; });
  const std::vector<Shape>& shape = at == shapes.end() ? shapes.front() : *at;
  const auto error_of = [&](const std::vector<Tensor>& inputs, Engine engine) -> std::string {
    try {
      evaluate(row, row.function, inputs, {.engine = engine, .order = 0});
    } catch (const DtypeError& error) {
      return error.what();
    }
    return "no error";
  };
  for (const Engine engine : engines) {
    if (row.dtypes == Dtypes::fractions) {
      const std::string text = error_of(draw_inputs(row, shape, true), engine);
      report.expect(text.rfind("[" + row.op + "]", 0) == 0 && text.find("i64") != text.npos && names_table(text), [&] {
        return fmt::format("of i64: '{}', wanted a DtypeError of {} at the caller's line", text, row.op);
      });
    }
    if (fraction_count > 1) {
      std::vector<Tensor> mixed = draw_inputs(row, shape);
      const auto last =
          std::find_if(mixed.rbegin(), mixed.rend(), [](const Tensor& x) { return x.dtype() == DType::f64; });
      *last = last->to(DType::f32);
      const std::string text = error_of(mixed, engine);
      const bool adds_bias = row.form.find("with bias") != row.form.npos;  // by another op
      report.expect((adds_bias || text.rfind("[" + row.op + "]", 0) == 0) && text.find("f32") != text.npos &&
                        text.find("f64") != text.npos && names_table(text),
                    [&] { return fmt::format("of f64 beside f32: '{}', wanted a DtypeError naming both", text); });
    }
  }
  if (row.dtypes == Dtypes::fractions) return;
  // Truths count as 0 and 1 beside numbers.
  const std::vector<Tensor> inputs = draw_inputs(row, shape);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype() != DType::f64 || (row.dtypes == Dtypes::numbers && inputs.size() == 1)) continue;
    std::vector<Tensor> truths = inputs, numbers = inputs;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (inputs[k].dtype() != DType::f64 || (row.elementwise && k != i)) continue;
      truths[k] = draw({.dtype = DType::boolean}, inputs[k].shape(), static_cast<int>(k));
      numbers[k] = truths[k].to(DType::f64);
    }
    const Tensor of_truths = evaluate(row, row.function, truths, {.order = 0}).front();
    const Tensor of_numbers = evaluate(row, row.function, numbers, {.order = 0}).front();
    report.expect(same(of_truths.to(of_numbers.dtype()), of_numbers),
                  [&] { return fmt::format("of truths as input {}: not what 0 and 1 give", i); });
  }
}

void check_gradient_shapes(const Row& row, Report& report) {
  if (!row.differences) return;
  for (const std::vector<Shape>& shapes : shapes_of(row)) {
    const std::vector<Tensor> inputs = draw_inputs(row, shapes);
    const std::vector<Tensor> varied = varied_inputs(row, inputs);
    if (varied.empty() || !is_floating(evaluate(row, row.function, inputs, {.order = 0}).front().dtype())) return;
    const GradientReport gradients = check_gradients(function_of_varied(row, inputs), varied);
    report.checks += gradients.checked;
    report.expect(gradients.ok, [&] { return text_of(inputs) + ": " + gradients.message; });
  }
}

/// Values and gradients of f32 beside those of f64, to the precision of f32.
void check_single_precision(const Row& row, Report& report) {
  if (row.only_f64) return;
  const Accuracy accuracy = {.ulp_f32 = 64, .of_largest = 64};
  for (const std::vector<Shape>& shapes : shapes_of(row)) {
    const std::vector<Tensor> inputs = draw_inputs(row, shapes);
    const std::vector<Tensor> exact = evaluate(row, row.function, inputs, {});
    const std::vector<Tensor> rounded = evaluate(row, row.function, as_dtype(inputs, DType::f32), {});
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const std::string wrong = mismatch(rounded.at(i), exact[i], accuracy);
      report.expect(wrong.empty(),
                    [&] { return fmt::format("{}, {}: {}", text_of(inputs), i == 0 ? "value" : "gradient", wrong); });
    }
  }
}

Tensor prefix(const Tensor& vector, std::int64_t length) {
  if (vector.rank() == 0) return vector;
  Tensor result = Tensor::empty({length}, vector.dtype());
  const auto bytes = static_cast<std::size_t>(length) * size_of(vector.dtype());
  std::copy_n(static_cast<const char*>(vector.raw()), bytes, static_cast<char*>(result.mutable_raw()));
  return result;
}

/// The points as vectors, one for each input, as often as it takes to fill `length` elements; dtypes as drawn.
std::vector<Tensor> vectors_of_points(const Row& row, const std::vector<const Point*>& points, std::int64_t length) {
  std::vector<Tensor> vectors;
  for (std::size_t i = 0; i < row.domains.size(); ++i) {
    Tensor vector = Tensor::empty({length}, DType::f64);
    for (std::size_t k = 0; k < static_cast<std::size_t>(length); ++k)
      vector.mutable_data<double>()[k] = points[k % points.size()]->inputs.at(i);
    vectors.push_back(vector.to(row.domains[i].dtype));
  }
  return vectors;
}

/// An element's bits depend on it alone: a vector's first n elements are what a vector of n gives, for every n.
void check_tails(const Row& row, Report& report) {
  if (!row.elementwise) return;
  constexpr std::int64_t full = 280;
  Row drawn = row;
  if (!row.range.empty()) drawn.domains = row.range;
  const std::vector<Tensor> inputs = draw_inputs(drawn, std::vector<Shape>(row.domains.size(), Shape{full}));
  std::vector<std::int64_t> lengths = {31, 32, 33, 63, 64, 65, 66, 127, 128, 129, 130, 145, 255, 256, 257, 271};
  for (std::int64_t n = 1; n <= 19; ++n) lengths.push_back(n);
  on_each_target([&](const char* target) {
    for (const DType dtype : fractions_of(row)) {
      const std::vector<Tensor> whole = as_dtype(inputs, dtype);
      const EvaluateOptions options{.order = 1, .cotangent_of_ones = true};
      const std::vector<Tensor> wanted = evaluate(row, row.function, whole, options);
      for (const std::int64_t length : lengths) {
        std::vector<Tensor> parts;
        for (const Tensor& input : whole) parts.push_back(prefix(input, length));
        const std::vector<Tensor> results = evaluate(row, row.function, parts, options);
        for (std::size_t i = 0; i < wanted.size(); ++i)
          report.expect(same(results.at(i), prefix(wanted[i], length)), [&] {
            return fmt::format("{} elements of {} on {}: {} not the first of {}", length, name(dtype), target,
                               i == 0 ? "values are" : "gradients are", full);
          });
      }
    }
  });
}

bool is_number_of(double x, DType dtype) {
  return dtype == DType::f64 || std::isnan(x) || static_cast<double>(static_cast<float>(x)) == x;
}

/// Value and gradients at the row's points: alone, and all of them side by side at every place of a vector.
void check_points(const Row& row, Report& report) {
  for (const DType dtype : fractions_of(row)) {
    std::vector<const Point*> points;
    for (const Point& point : row.points)
      if (std::all_of(point.inputs.begin(), point.inputs.end(), [&](double x) { return is_number_of(x, dtype); }))
        points.push_back(&point);
    if (points.empty()) continue;
    const auto length = static_cast<std::int64_t>(points.size() * (131 / points.size() + 1) + 1);
    const std::vector<Tensor> inputs = as_dtype(vectors_of_points(row, points, length), dtype);
    for (const Engine engine : engines) {
      const std::vector<Tensor> results =
          evaluate(row, row.function, inputs, {.engine = engine, .order = 1, .cotangent_of_ones = true});
      const Tensor value = results.front().to(DType::f64);
      for (std::size_t k = 0; k < static_cast<std::size_t>(length); ++k) {
        const Point& point = *points[k % points.size()];
        const auto place = [&] {
          return fmt::format("{} {}, at ({}), element {}", name_of(engine), name(dtype), fmt::join(point.inputs, ", "),
                             k);
        };
        const double got = value.data<double>()[k];
        const bool sign_fits = point.value != 0 || std::signbit(got) == std::signbit(point.value);
        report.expect(is_close(got, point.value, 0, row.accuracy, dtype) && sign_fits,
                      [&] { return fmt::format("{}: {:.17g}, wanted {:.17g}", place(), got, point.value); });
        for (std::size_t i = 0; i < point.gradients.size(); ++i) {
          const Tensor gradient = results.at(i + 1).to(DType::f64);
          const double slope = gradient.data<double>()[k];
          report.expect(is_close(slope, point.gradients[i], 0, {.ulp = 8, .ulp_f32 = 8}, dtype), [&] {
            return fmt::format("{}: gradient {} is {:.17g}, wanted {:.17g}", place(), i, slope, point.gradients[i]);
          });
        }
      }
    }
  }
}

void check_examples(const Row& row, Report& report) {
  for (const Example& example : row.examples)
    for (const DType dtype : fractions_of(row))
      for (const Engine engine : engines) {
        const std::vector<Tensor> inputs = as_dtype(example.inputs, dtype);
        const EvaluateOptions options{
            .engine = engine, .order = example.gradients.empty() ? 0 : 1, .cotangent_of_ones = true};
        const std::vector<Tensor> results = evaluate(row, row.function, inputs, options);
        const auto expect = [&](const Tensor& got, const Tensor& wanted, const char* what) {
          const std::string wrong = mismatch(got, wanted, row.accuracy);
          report.expect(wrong.empty(), [&] {
            return fmt::format("example {}, {}, {}: {}", text_of(inputs), name_of(engine), what, wrong);
          });
        };
        expect(results.front(), example.value, "value");
        for (std::size_t i = 0; i < example.gradients.size(); ++i)
          expect(results.at(i + 1), example.gradients[i], "gradient");
      }
}

void expect_same(const std::vector<Tensor>& results, const std::vector<Tensor>& wanted, Report& report,
                 const std::function<std::string()>& what) {
  report.expect(results.size() == wanted.size(), [&] { return what() + ": other numbers of results"; });
  for (std::size_t i = 0; i < std::min(results.size(), wanted.size()); ++i)
    report.expect(same(results[i], wanted[i]), [&] {
      return fmt::format("{}: result {} is\n{}\nwanted\n{}", what(), i, to_string(results[i]), to_string(wanted[i]));
    });
}

/// What a row is tried at: drawn inputs at each of its shapes in each dtype, and what was recorded with NaN in it.
std::vector<std::vector<Tensor>> all_inputs(const Row& row) {
  std::vector<std::vector<Tensor>> all;
  for (const std::vector<Shape>& shapes : shapes_of(row)) {
    const std::vector<Tensor> inputs = draw_inputs(row, shapes);
    for (const DType dtype : fractions_of(row)) all.push_back(as_dtype(inputs, dtype));
    if (row.dtypes != Dtypes::fractions) all.push_back(draw_inputs(row, shapes, true));
  }
  for (const Recorded& one : recorded(row)) all.push_back(one.inputs);
  return all;
}

void check_engines(const Row& row, Report& report) {
  for (const std::vector<Tensor>& inputs : all_inputs(row)) {
    const std::vector<Tensor> eager = evaluate(row, row.function, inputs, {.engine = Engine::eager, .order = 2});
    const std::vector<Tensor> planned = evaluate(row, row.function, inputs, {.engine = Engine::planned, .order = 2});
    expect_same(planned, eager, report, [&] { return text_of(inputs) + ", planned beside eager"; });
  }
}

/// −f(−(−x)) with what comes before and after fused: the bits of −f(x).
void check_chain(const Row& row, Report& report) {
  const Function chained = [&row](Inputs x) {
    std::vector<Var> inputs;
    for (const Var& input : x) inputs.push_back(input.dtype() == DType::boolean ? input : negate(negate(input)));
    const Var y = row.function(inputs);
    return y.dtype() == DType::boolean ? where(y, 1.0, 0.0) : negate(y);
  };
  const Function alone = [&row](Inputs x) {
    const Var y = row.function(x);
    y.value();  // whatever comes after reads it from memory
    return y.dtype() == DType::boolean ? where(y, 1.0, 0.0) : negate(y);
  };
  for (const std::vector<Tensor>& inputs : all_inputs(row)) {
    const std::vector<Tensor> wanted = evaluate(row, alone, inputs, {.order = 1});
    expect_same(evaluate(row, chained, inputs, {.order = 1}), wanted, report,
                [&] { return text_of(inputs) + ", inside a chain"; });
  }
}

/// Operands stretched where they are read, and operands that lie stretched in memory.
void check_broadcasting(const Row& row, Report& report) {
  if (!row.elementwise || row.domains.size() == 1) return;
  for (const std::vector<Shape>& shapes : shapes_of(row)) {
    const std::vector<Tensor> inputs = draw_inputs(row, shapes);
    const Tensor value = evaluate(row, row.function, inputs, {.order = 0}).front();
    std::vector<Tensor> stretched;
    for (const Tensor& input : inputs) {
      const Tape tape;
      stretched.push_back(broadcast_to(input, value.shape()).value());
    }
    report.expect(same(evaluate(row, row.function, stretched, {.order = 0}).front(), value),
                  [&] { return text_of(inputs) + ": not what the stretched operands give"; });
  }
  const std::size_t count = row.domains.size();
  for (std::size_t i = 1; i < count; ++i) {
    std::vector<Shape> shapes(count, Shape{2, 3});
    shapes[i] = Shape{4, 5};
    const std::vector<Tensor> inputs = draw_inputs(row, shapes);
    std::string text = "no error";
    try {
      evaluate(row, row.function, inputs, {.order = 0});
    } catch (const ShapeError& error) {
      text = error.what();
    }
    const std::string wanted = "[" + row.op + "] shapes do not broadcast: ";
    report.expect(text.rfind(wanted, 0) == 0 && text.find("(2, 3)") != text.npos && text.find("(4, 5)") != text.npos &&
                      names_table(text),
                  [&] { return "'" + text + "', wanted '" + wanted + "(2, 3) and (4, 5)'"; });
  }
}

void check_threads(const Row& row, Report& report) {
  std::vector<std::vector<Shape>> large = row.large;
  if (row.elementwise && large.empty()) {
    constexpr std::int64_t rows = 150, columns = 301;
    large = {{Shape{rows, columns}, Shape{columns}, Shape{rows, 1}}};
    large.front().resize(row.domains.size());
  }
  const testing::PoolSize pool(2);
  for (const std::vector<Shape>& shapes : large.empty() ? shapes_of(row) : large) {
    const std::vector<Tensor> inputs = as_dtype(draw_inputs(row, shapes), fractions_of(row).back());
    const auto on_threads = [&](int count) {
      const Threads limit(count);
      return evaluate(row, row.function, inputs, {.order = 1});
    };
    expect_same(on_threads(2), on_threads(1), report, [&] { return text_of(inputs) + ", 2 threads beside 1"; });
  }
}

void check_mistakes(const Row& row, Report& report) {
  for (const Mistake& mistake : row.mistakes)
    for (const Engine engine : engines) {
      std::string text = "no error";
      std::optional<std::type_index> type;
      try {
        evaluate(row, mistake.function ? mistake.function : row.function, mistake.inputs,
                 {.engine = engine, .order = 0});
      } catch (const std::exception& error) {
        text = error.what();
        type = typeid(error);
      }
      const std::string message = text.substr(0, text.rfind(" at "));
      report.expect(type == mistake.error && message == mistake.text && names_table(text), [&] {
        return fmt::format("{}, {}: '{}', wanted '{}'{}", text_of(mistake.inputs), name_of(engine), text, mistake.text,
                           type && type != mistake.error ? " of another type" : "");
      });
    }
}

/// Vars of a tape that has ended are refused by name: by the first row of each op, where it is the op that looks at them first.
void check_ended_tape(const Row& row, Report& report) {
  constexpr std::string_view looked_at_before[] = {"power", "floor_divide", "remainder", "top_k", "column_index"};
  if (!row.form.empty() || std::ranges::find(looked_at_before, row.op) != std::end(looked_at_before)) return;
  std::vector<Tensor> tensors = draw_inputs(row, shapes_of(row).front());
  std::vector<Var> ended;
  {
    const Tape tape;
    for (const Tensor& tensor : tensors) ended.push_back(Var(tensor));
  }
  if (ended.empty() || !row.differences) return;
  const Tape tape;
  std::string text = "no error";
  try {
    row.function(ended);
  } catch (const TapeError& error) {
    text = error.what();
  }
  const std::string wanted = fmt::format("[{}] a Var cannot be used here: its tape has ended", row.op);
  report.expect(text.starts_with(wanted), [&] { return fmt::format("'{}', wanted '{}'", text, wanted); });
}

/// Whatever an op computes says the caller's line, whichever parts it is made of: what graphs and anomalies name.
void check_lines(const Row& row, Report& report) {
  const std::vector<Tensor> tensors = draw_inputs(row, shapes_of(row).front());
  const Tape tape;
  std::vector<Var> inputs;
  for (const Tensor& tensor : tensors) inputs.push_back(Var(tensor));
  const internal::Recorder& recorder = tape.recorder();
  const std::int32_t first = recorder.size();
  row.function(inputs);
  for (std::int32_t id = first; id < recorder.size(); ++id) {
    if (recorder.key(id).count == 0) continue;  // a number
    const std::string text = error_text("", "", recorder.user_line(id));
    report.expect(text.find(" at ") != text.npos && names_table(text), [&] {
      return fmt::format("node {}, {}, is{}", id - first, recorder.key(id).op->name, text.substr(3));
    });
  }
}

constexpr Check checks[] = {
    {"says what it must", check_complete},
    {"is recorded for its inputs", check_recorded_inputs},
    {"errors", check_mistakes},
    {"ended tapes", check_ended_tape},
    {"lines", check_lines},
    {"points", check_points},
    {"examples", check_examples},
    {"dtypes", check_dtypes},
    {"references", check_references},
    {"gradients", check_gradient_shapes},
    {"f32 beside f64", check_single_precision},
    {"broadcasting", check_broadcasting},
    {"planned beside eager", check_engines},
    {"inside a chain", check_chain},
    {"tails", check_tails},
    {"threads", check_threads},
};

}  // namespace

std::span<const Check> all_checks() { return checks; }

void run_check(const Check& check, const Row& row, Report& report) {
  try {
    check.run(row, report);
  } catch (const std::exception& error) {
    report.failures.push_back(std::string("it threw: ") + error.what());
  }
}

bool fails(const Row& row) {
  Report report;
  for (const Check& check : checks) {
    run_check(check, row, report);
    if (!report.failures.empty()) return true;
  }
  return false;
}

}  // namespace thalweg::op_table
