#pragma once
// First values of parameters. An Initializer is a recipe: its numbers come with `registry.add` and depend on the registry's
// seed and the parameter's name. A Tensor is one too, of the numbers it has.
//
// What the literature calls one name differs; here, for weights of shape (in, out), unless another fan is asked for:
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
/// Uniform in [low, high). ValueError where these are not finite, or low > high.
Initializer uniform(const Shape& shape, double low, double high, SourceLine line = SourceLine::here());
/// Normal with mean 0, drawn again where it lies beyond `limit` standard deviations (which makes the deviation smaller: 0.88
/// times for a limit of 2). ValueError for a deviation that is negative or not finite, or a limit that is not above 0.1.
Initializer truncated_normal(const Shape& shape, double standard_deviation, double limit = 2,
                             SourceLine line = SourceLine::here());

// ShapeError for any shape but (in, out).

/// gain where row and column are the same, else 0.
Initializer identity(const Shape& shape, double gain = 1, SourceLine line = SourceLine::here());
/// gain times a random matrix whose rows or columns, whichever are fewer, are orthonormal; uniform over all such. ValueError
/// for a gain that is not finite. Saxe, McClelland and Ganguli, Exact solutions to the nonlinear dynamics of learning in
/// deep linear neural networks, 2014.
Initializer orthogonal(const Shape& shape, double gain = 1, SourceLine line = SourceLine::here());

/// Which side of the weights a variance is divided by: the inputs (activations keep their size), the outputs (gradients
/// do), or (in + out)/2.
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
