#pragma once
// Checks gradients against finite differences. For authors of ops and of gradient rules.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <thalweg/tape.hpp>

namespace thalweg {

struct GradientCheckOptions {
  std::uint64_t seed = 0;    // of the random cotangents and directions
  double step = 1e-3;        // of the differences, times max(1, |x|)
  double tolerance = 1e-6;   // of the relative error
  bool second_order = true;  // the gradient of ⟨gradient, random direction⟩ too
  Engine engine = Engine::planned;
};

/// One element of one gradient, with its difference quotient.
struct GradientEntry {
  enum class Verdict : std::uint8_t {
    right,
    wrong,
    kink,        // the function has a kink within the step: inconclusive; move the input away from it
    not_finite,  // the gradient or a value near it is NaN or inf
  };
  int order = 1;
  /// Index of the input. The number of inputs stands for the cotangent, which the second-order check varies too.
  int input = 0;
  std::int64_t element = 0;  // row-major
  std::string place;         // "input 1, element [2, 0]"
  double gradient = 0, difference = 0;
  double relative_error = 0;
  Verdict verdict = Verdict::right;
};

struct GradientReport {
  bool ok = true;
  std::string message;               // one line for each element that is not right, the worst first
  std::vector<GradientEntry> worst;  // up to 10, whatever their verdict
  std::int64_t checked = 0;          // number of gradient elements compared
};

/// The message, or the number of elements checked and the largest error.
std::string to_string(const GradientReport& report);

/// Compares the gradients of `function` at `inputs` with central differences of order 4, in f64: f32 inputs are
/// converted, i64 and bool inputs are passed as they are and not varied. With y = function(x) and random cotangents c:
///   first order:  d⟨c, y⟩/dx, element by element
///   second order: d⟨direction, d⟨c, y⟩/dx⟩ of x and of c
/// The error beyond what rounding explains is relative to the larger of the two numbers, or to 1/1000 of the largest
/// gradient of that order if that is more. `function` is called on a new tape each time and must be deterministic: if
/// it draws random numbers, it must create its Random anew.
/// Exceptions of `function` pass through. ValueError for a step or tolerance that is not positive and finite;
/// DtypeError if no input is f32 or f64, or the result is not.
GradientReport check_gradients(const std::function<Var(std::span<const Var>)>& function, std::vector<Tensor> inputs,
                               const GradientCheckOptions& options = {});

}  // namespace thalweg
