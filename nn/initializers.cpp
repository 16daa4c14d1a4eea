#include <thalweg/nn/initializers.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

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

void check_matrix(const char* op, const Shape& shape, SourceLine line) {
  if (shape.rank() != 2)
    throw ShapeError(error_text(op, fmt::format("weights have shape (in, out), not {}", to_string(shape)), line));
}

void check_deviation(const char* op, double deviation, SourceLine line) {
  if (!(deviation >= 0) || !std::isfinite(deviation))
    throw ValueError(
        error_text(op, fmt::format("standard_deviation {} is not a finite number of at least 0", deviation), line));
}

/// factor/fan; finite even for empty weights.
double fan_variance(const char* op, const Shape& shape, double factor, Fan fan, SourceLine line) {
  if (shape.rank() < 2)
    throw ShapeError(error_text(
        op, fmt::format("weights have shape (in, out) or (filters, channels, …), not {}", to_string(shape)), line));
  auto in = static_cast<double>(shape[0]), out = static_cast<double>(shape[1]);
  if (shape.rank() > 2) {
    std::swap(in, out);
    for (int axis = 2; axis < shape.rank(); ++axis)
      in *= static_cast<double>(shape[axis]), out *= static_cast<double>(shape[axis]);
  }
  const double count = fan == Fan::in ? in : fan == Fan::out ? out : (in + out) / 2;
  return count > 0 ? factor / count : factor;
}

Initializer fan_normal(const char* op, const Shape& shape, double factor, Fan fan, SourceLine line) {
  return normal_of(shape, std::sqrt(fan_variance(op, shape, factor, fan, line)));
}

/// Uniform in ±a has variance a²/3.
Initializer fan_uniform(const char* op, const Shape& shape, double factor, Fan fan, SourceLine line) {
  const double bound = std::sqrt(3 * fan_variance(op, shape, factor, fan, line));
  return uniform_of(shape, -bound, bound);
}

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.);
}

/// Orthonormalizes `count` vectors of `length` numbers by Householder reflections: computes the Q of their QR
/// factorization, with signs that make R's diagonal positive, so that normal vectors give a uniformly distributed Q.
void make_orthonormal(std::span<double> vectors, std::size_t count, std::size_t length) {
  const auto vector = [&](std::size_t i) { return vectors.subspan(i * length, length); };
  const auto reflect = [](std::span<double> target, std::span<const double> mirror) {
    const double twice = 2 * dot(target, mirror);
    for (std::size_t i = 0; i < target.size(); ++i) target[i] -= twice * mirror[i];
  };
  std::vector<double> signs(count);
  for (std::size_t k = 0; k < count; ++k) {  // vector k becomes the unit normal of the reflection, from element k on
    const std::span<double> mirror = vector(k).subspan(k);
    const double norm = std::sqrt(dot(mirror, mirror));
    signs[k] = mirror[0] > 0 ? -1 : 1;
    mirror[0] -= signs[k] * norm;
    const double size = std::sqrt(dot(mirror, mirror));
    for (double& element : mirror) element = size > 0 ? element / size : 0;
    for (std::size_t other = k + 1; other < count; ++other) reflect(vector(other).subspan(k), mirror);
  }
  std::vector<double> unit(length);
  std::vector<double> result(count * length);
  for (std::size_t i = 0; i < count; ++i) {
    std::ranges::fill(unit, 0);
    unit[i] = signs[i];
    for (std::size_t k = count; k-- > 0;) reflect(std::span(unit).subspan(k), vector(k).subspan(k));
    std::ranges::copy(unit, result.begin() + static_cast<std::ptrdiff_t>(i * length));
  }
  std::ranges::copy(result, vectors.begin());
}

}  // namespace

Tensor zeros(const Shape& shape, DType dtype, SourceLine line) { return Tensor::zeros(shape, dtype, line); }
Tensor ones(const Shape& shape, DType dtype, SourceLine line) { return Tensor::ones(shape, dtype, line); }

Initializer constant(const Shape& shape, double value) {
  return {shape, [=](std::span<double> values, std::uint64_t, std::uint32_t) { std::ranges::fill(values, value); }};
}

Initializer normal(const Shape& shape, double standard_deviation, SourceLine line) {
  check_deviation("normal", standard_deviation, line);
  return normal_of(shape, standard_deviation);
}

Initializer truncated_normal(const Shape& shape, double standard_deviation, double limit, SourceLine line) {
  check_deviation("truncated_normal", standard_deviation, line);
  if (!(limit > 0.1))
    throw ValueError(error_text("truncated_normal", fmt::format("limit {}: must be above 0.1", limit), line));
  return {shape, [=](std::span<double> values, std::uint64_t seed, std::uint32_t stream) {
            fill_normal(values, {.seed = seed, .stream = stream});
            const auto is_beyond = [&](double value) { return std::abs(value) > limit; };
            std::vector<double> others(values.size());
            for (std::uint64_t draw = 1; std::ranges::any_of(values, is_beyond); ++draw) {
              fill_normal(std::span(others), {.seed = seed, .draw = draw, .stream = stream});
              for (std::size_t i = 0; i < values.size(); ++i)
                if (is_beyond(values[i])) values[i] = others[i];
            }
            for (double& value : values) value *= standard_deviation;
          }};
}

Initializer identity(const Shape& shape, double gain, SourceLine line) {
  check_matrix("identity", shape, line);
  return {shape, [=](std::span<double> values, std::uint64_t, std::uint32_t) {
            std::ranges::fill(values, 0);
            const std::int64_t columns = shape[1];
            for (std::int64_t i = 0; i < std::min(shape[0], columns); ++i) values[i * columns + i] = gain;
          }};
}

Initializer orthogonal(const Shape& shape, double gain, SourceLine line) {
  check_matrix("orthogonal", shape, line);
  if (!std::isfinite(gain))
    throw ValueError(error_text("orthogonal", fmt::format("gain {} is not finite", gain), line));
  return {shape, [=](std::span<double> values, std::uint64_t seed, std::uint32_t stream) {
            const auto rows = static_cast<std::size_t>(shape[0]), columns = static_cast<std::size_t>(shape[1]);
            fill_normal(values, {.seed = seed, .stream = stream});
            if (rows <= columns) {
              make_orthonormal(values, rows, columns);
            } else {
              std::vector<double> transposed(values.begin(), values.end());
              make_orthonormal(transposed, columns, rows);
              for (std::size_t i = 0; i < rows; ++i)
                for (std::size_t j = 0; j < columns; ++j) values[i * columns + j] = transposed[j * rows + i];
            }
            for (double& value : values) value *= gain;
          }};
}

Initializer uniform(const Shape& shape, double low, double high, SourceLine line) {
  if (!(low <= high) || !std::isfinite(low) || !std::isfinite(high))
    throw ValueError(
        error_text("uniform", fmt::format("low {} and high {} are not the bounds of a range", low, high), line));
  return uniform_of(shape, low, high);
}

Initializer he_normal(const Shape& shape, Fan fan, SourceLine line) {
  return fan_normal("he_normal", shape, 2, fan, line);
}
Initializer he_uniform(const Shape& shape, Fan fan, SourceLine line) {
  return fan_uniform("he_uniform", shape, 2, fan, line);
}
Initializer lecun_normal(const Shape& shape, Fan fan, SourceLine line) {
  return fan_normal("lecun_normal", shape, 1, fan, line);
}
Initializer lecun_uniform(const Shape& shape, Fan fan, SourceLine line) {
  return fan_uniform("lecun_uniform", shape, 1, fan, line);
}
Initializer xavier_normal(const Shape& shape, Fan fan, SourceLine line) {
  return fan_normal("xavier_normal", shape, 1, fan, line);
}
Initializer xavier_uniform(const Shape& shape, Fan fan, SourceLine line) {
  return fan_uniform("xavier_uniform", shape, 1, fan, line);
}

}  // namespace thalweg
