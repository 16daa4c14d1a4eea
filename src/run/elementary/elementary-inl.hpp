// Elementary functions over Highway vectors of f32 and f64, for the handlers of elementwise ops:
// Exp, Exp2, Expm1, Log, Log1p, Log2, Log10, Power, Cbrt; Sin, Cos, Tan, Asin, Acos, Atan, Atan2; Sinh, Cosh, Tanh, Asinh,
// Acosh, Atanh; Sigmoid, Silu, Softplus; Erf, Erfc; each as F(d, x) or F(d, x, y) with V = Vec<D>. Not to be used beside hwy/contrib/math, whose functions have the same names and vectors.
//
// A lane's bits depend on that lane's input and the target alone, not on its place or its neighbors. Subnormals, ±0,
// ±inf and NaN are handled; the processor's floating-point modes are left alone.

// Per-target include guard.
#if defined(THALWEG_ELEMENTARY_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_ELEMENTARY_INL_HPP
#undef THALWEG_ELEMENTARY_INL_HPP
#else
#define THALWEG_ELEMENTARY_INL_HPP
#endif

#include "src/run/elementary/error_function-inl.hpp"
#include "src/run/elementary/exponential-inl.hpp"
#include "src/run/elementary/hyperbolic-inl.hpp"
#include "src/run/elementary/inverse_trigonometric-inl.hpp"
#include "src/run/elementary/logarithm-inl.hpp"
#include "src/run/elementary/power-inl.hpp"
#include "src/run/elementary/trigonometric-inl.hpp"

#endif  // THALWEG_ELEMENTARY_INL_HPP
