#include <thalweg/nn/initializers.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <thalweg/random.hpp>

namespace thalweg {

namespace {

Initializer normal_of(const Shape& shape, double standard_deviation) {
  return {shape, [=](std::span<double> values, std::uint64_t seed, std::uint32_t stream) {
            fill_normal(values, {.seed = seed, .stream = stream});
            for (double& value : values) value *= standard_deviation;
          }};
}

Initializer uniform_of(const Shape& shape, double low, double high) {
  return {shape, [=](std::span<double> values, std::uint64_t seed, std::uint32_t stream) {
            fill_uniform(values, {.seed = seed, .stream = stream});
            for (double& value : values) value = low + (high - low) * value;
          }};
}

enum class Fan : std::uint8_t { in, in_and_out };

/// factor/in or factor/(in + out); finite for empty weights too.
double fan_variance(const char* op, const Shape& shape, double factor, Fan fan, SourceLine line) {
  if (shape.rank() != 2)
    throw ShapeError(error_text(op, fmt::format("weights have shape (in, out), not {}", to_string(shape)), line));
  const std::int64_t count = fan == Fan::in ? shape[0] : shape[0] + shape[1];
  return factor / static_cast<double>(std::max<std::int64_t>(count, 1));
}

Initializer fan_normal(const char* op, const Shape& shape, double factor, Fan fan, SourceLine line) {
  return normal_of(shape, std::sqrt(fan_variance(op, shape, factor, fan, line)));
}

/// Uniform in ±a has variance a²/3.
Initializer fan_uniform(const char* op, const Shape& shape, double factor, Fan fan, SourceLine line) {
  const double bound = std::sqrt(3 * fan_variance(op, shape, factor, fan, line));
  return uniform_of(shape, -bound, bound);
}

}  // namespace

Initializer zeros(const Shape& shape) { return constant(shape, 0); }
Initializer ones(const Shape& shape) { return constant(shape, 1); }

Initializer constant(const Shape& shape, double value) {
  return {shape, [=](std::span<double> values, std::uint64_t, std::uint32_t) { std::ranges::fill(values, value); }};
}

Initializer constant(const Tensor& values) {
  return {values.shape(), [numbers = values.to(f64)](std::span<double> filled, std::uint64_t, std::uint32_t) {
            std::ranges::copy(numbers.data<double>(), filled.begin());
          }};
}

Initializer normal(const Shape& shape, double standard_deviation, SourceLine line) {
  if (!(standard_deviation >= 0) || !std::isfinite(standard_deviation))
    throw ValueError(error_text(
        "normal", fmt::format("standard_deviation {} is not a finite number of at least 0", standard_deviation), line));
  return normal_of(shape, standard_deviation);
}

Initializer uniform(const Shape& shape, double low, double high, SourceLine line) {
  if (!(low <= high) || !std::isfinite(low) || !std::isfinite(high))
    throw ValueError(
        error_text("uniform", fmt::format("low {} and high {} are not the bounds of a range", low, high), line));
  return uniform_of(shape, low, high);
}

Initializer he_normal(const Shape& shape, SourceLine line) { return fan_normal("he_normal", shape, 2, Fan::in, line); }
Initializer he_uniform(const Shape& shape, SourceLine line) {
  return fan_uniform("he_uniform", shape, 2, Fan::in, line);
}
Initializer lecun_normal(const Shape& shape, SourceLine line) {
  return fan_normal("lecun_normal", shape, 1, Fan::in, line);
}
Initializer lecun_uniform(const Shape& shape, SourceLine line) {
  return fan_uniform("lecun_uniform", shape, 1, Fan::in, line);
}
Initializer xavier_normal(const Shape& shape, SourceLine line) {
  return fan_normal("xavier_normal", shape, 2, Fan::in_and_out, line);
}
Initializer xavier_uniform(const Shape& shape, SourceLine line) {
  return fan_uniform("xavier_uniform", shape, 2, Fan::in_and_out, line);
}

}  // namespace thalweg
