#pragma once
// The logarithm of the gamma function and its derivatives, of one number.

namespace thalweg {

/// ln |Γ(x)|: inf at 0, −1, −2, … and at ±inf.
double log_gamma(double x);

/// ψ(x) = d ln |Γ(x)| / dx: −inf at 0, inf at −0, NaN at −1, −2, … and at −inf.
double digamma(double x);

/// The derivative of ψ of `order` (digamma for 0): at 0, −1, −2, … inf for an odd order, NaN for an even one; NaN for an
/// order that is not a whole number from 0 on.
double polygamma(double order, double x);

}  // namespace thalweg
