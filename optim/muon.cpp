#include <thalweg/optim/muon.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <thalweg/ops/matmul.hpp>
#include <thalweg/ops/shape.hpp>

#include "optim/euclidean_norm.hpp"
#include "src/registry/core.hpp"

namespace thalweg {

namespace {

/// Approximates the orthogonal matrix nearest to x: each iteration, a polynomial in x·xᵀ, moves the singular values
/// closer to 1 without changing the singular vectors.
Var orthogonalized(const Var& x, std::int64_t iterations) {
  const bool is_tall = x.shape()[0] > x.shape()[1];
  Var result = is_tall ? transpose(x) : x;
  const Var norm = euclidean_norm(result);
  result = result / where(equal(norm, 0), 1., norm);
  for (std::int64_t i = 0; i < iterations; ++i) {
    const Var gram = matmul(result, transpose(result));
    result = 3.4445 * result + matmul(-4.775 * gram + 2.0315 * matmul(gram, gram), result);
  }
  return is_tall ? transpose(result) : result;
}

/// `parameters`; ShapeError if one of them is not a matrix.
const OptimizedParameters& matrices_only(const OptimizedParameters& parameters, SourceLine line) {
  const auto& entries = parameters.core()->entries;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (parameters.contains(static_cast<int>(i)) && entries[i].trainable && entries[i].shape.rank() != 2)
      throw ShapeError(error_text("muon",
                                  fmt::format("\"{}\" has shape {}: only matrices are made orthogonal; give the others "
                                              "to another optimizer, and select() these",
                                              entries[i].name, to_string(entries[i].shape)),
                                  line));
  }
  return parameters;
}

void check(const MuonOptions& o, const OptionCheck& check) {
  check.fraction("momentum", o.momentum);
  check.holds("iterations", static_cast<double>(o.iterations), o.iterations >= 1, "must be at least 1");
}

}  // namespace

Muon::Muon(const OptimizedParameters& parameters, const MuonOptions& options, SourceLine line)
    : OptimizerOf(matrices_only(parameters, line), "muon", options, check, Unit::parameter, line) {}

void Muon::update(Update& u, const MuonOptions& o) {
  const Var gradient = u.gradient();
  const Var velocity = o.momentum * u.state("velocity") + (1 - o.momentum) * gradient;
  u.set_state("velocity", velocity);
  const Var step = o.nesterov ? (1 - o.momentum) * gradient + o.momentum * velocity : velocity;
  const auto rows = static_cast<double>(step.shape()[0]), columns = static_cast<double>(step.shape()[1]);
  const double scale = o.scale == MuonScale::original ? std::sqrt(std::max(1., rows / columns))
                                                      : 0.2 * std::sqrt(std::max(rows, columns));
  u.set_value(u.value() - u.learning_rate() * scale * orthogonalized(step, o.iterations));
}

}  // namespace thalweg
