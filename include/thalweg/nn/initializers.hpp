#pragma once
// Initial values of parameters. An Initializer is a recipe: `registry.add` draws its numbers, which depend on the
// registry's seed and the parameter's name. A Tensor is an Initializer too, with its own numbers.
//
// The literature is not consistent about the names. Here, for `in` inputs, `out` outputs and the default fan:
//   he_*      variance 2/in           He et al. 2015, "Kaiming" elsewhere; for relu
//   lecun_*   variance 1/in           LeCun et al. 1998; the book "Deep Learning from Scratch" calls it Xavier
//   xavier_*  variance 2/(in + out)   Glorot and Bengio 2010, "Glorot" elsewhere; for tanh and sigmoid

#include <thalweg/registry.hpp>

namespace thalweg {

/// Tensor::zeros and Tensor::ones.
Tensor zeros(const Shape& shape, DType dtype = DType::f32, SourceLine line = SourceLine::here());
Tensor ones(const Shape& shape, DType dtype = DType::f32, SourceLine line = SourceLine::here());
/// Every element is `value`, in the registry's dtype.
Initializer constant(const Shape& shape, double value);

/// Normal with mean 0. ValueError for a standard deviation that is negative or not finite.
Initializer normal(const Shape& shape, double standard_deviation, SourceLine line = SourceLine::here());
/// Uniform in [low, high). ValueError if these are not finite, or low > high.
Initializer uniform(const Shape& shape, double low, double high, SourceLine line = SourceLine::here());
/// Normal with mean 0; numbers beyond `limit` standard deviations are drawn again, which reduces the deviation (by 0.88
/// for a limit of 2). ValueError for a deviation that is negative or not finite, or a limit that is not above 0.1.
Initializer truncated_normal(const Shape& shape, double standard_deviation, double limit = 2,
                             SourceLine line = SourceLine::here());

// Both throw ShapeError for any shape but (in, out).

/// gain · the identity matrix.
Initializer identity(const Shape& shape, double gain = 1, SourceLine line = SourceLine::here());
/// gain times a random matrix with orthonormal rows or columns, whichever are fewer, from the uniform distribution over
/// those. ValueError for a gain that is not finite. Saxe, McClelland and Ganguli, Exact solutions to the nonlinear
/// dynamics of learning in deep linear neural networks, 2014.
Initializer orthogonal(const Shape& shape, double gain = 1, SourceLine line = SourceLine::here());

// The following take (in, out), or the weight of a convolution (filters, channels, kernel height, …), of which each filter
// has channels·kernel inputs, and each input element filters·kernel outputs. ShapeError for other shapes.

/// Which count divides the variance: inputs (preserves the scale of activations), outputs (preserves the scale of
/// gradients), or their average.
enum class Fan : std::uint8_t { in, out, average };

/// Normal with variance 2/fan.
Initializer he_normal(const Shape& shape, Fan fan = Fan::in, SourceLine line = SourceLine::here());
/// Uniform in ±√(6/fan), whose variance is 2/fan.
Initializer he_uniform(const Shape& shape, Fan fan = Fan::in, SourceLine line = SourceLine::here());
/// Normal with variance 1/fan.
Initializer lecun_normal(const Shape& shape, Fan fan = Fan::in, SourceLine line = SourceLine::here());
/// Uniform in ±√(3/fan), whose variance is 1/fan.
Initializer lecun_uniform(const Shape& shape, Fan fan = Fan::in, SourceLine line = SourceLine::here());
/// Normal with variance 1/fan: 2/(in + out).
Initializer xavier_normal(const Shape& shape, Fan fan = Fan::average, SourceLine line = SourceLine::here());
/// Uniform in ±√(3/fan), whose variance is 1/fan: 2/(in + out).
Initializer xavier_uniform(const Shape& shape, Fan fan = Fan::average, SourceLine line = SourceLine::here());

}  // namespace thalweg
