#pragma once
// First values of parameters. All are recipes: the numbers come with `registry.add` and depend on the registry's seed
// and the parameter's name.
//
// What the literature calls one name differs; here, for weights of shape (in, out):
//   he_*      variance 2/in           He et al. 2015; for relu
//   lecun_*   variance 1/in           LeCun et al. 1998; the book "Deep Learning from Scratch" calls it Xavier
//   xavier_*  variance 2/(in + out)   Glorot and Bengio 2010, "Glorot" elsewhere; for tanh and sigmoid

#include <thalweg/registry.hpp>

namespace thalweg {

Initializer zeros(const Shape& shape);
Initializer ones(const Shape& shape);
/// Every element is `value`.
Initializer constant(const Shape& shape, double value);
/// The numbers of `values`, in the registry's dtype.
Initializer constant(const Tensor& values);

/// Normal with mean 0. ValueError for a standard deviation that is negative or not finite.
Initializer normal(const Shape& shape, double standard_deviation, SourceLine line = SourceLine::here());
/// Uniform in [low, high). ValueError where these are not finite, or low > high.
Initializer uniform(const Shape& shape, double low, double high, SourceLine line = SourceLine::here());

// ShapeError for any shape but (in, out).

/// Normal with variance 2/in.
Initializer he_normal(const Shape& shape, SourceLine line = SourceLine::here());
/// Uniform in ±√(6/in), whose variance is 2/in.
Initializer he_uniform(const Shape& shape, SourceLine line = SourceLine::here());
/// Normal with variance 1/in.
Initializer lecun_normal(const Shape& shape, SourceLine line = SourceLine::here());
/// Uniform in ±√(3/in), whose variance is 1/in.
Initializer lecun_uniform(const Shape& shape, SourceLine line = SourceLine::here());
/// Normal with variance 2/(in + out).
Initializer xavier_normal(const Shape& shape, SourceLine line = SourceLine::here());
/// Uniform in ±√(6/(in + out)), whose variance is 2/(in + out).
Initializer xavier_uniform(const Shape& shape, SourceLine line = SourceLine::here());

}  // namespace thalweg
