#pragma once
// The logarithm of the gamma function and its derivatives, for single numbers.

namespace thalweg {

/// ln |Γ(x)|: inf at 0, −1, −2, … and at ±inf.
double log_gamma(double x);

/// ψ(x) = d ln |Γ(x)| / dx: −inf at 0, inf at −0, NaN at −1, −2, … and at −inf.
double digamma(double x);

/// The order-th derivative of ψ (ψ itself for 0). At 0, −1, −2, …: inf for odd orders, NaN for even ones. NaN unless
/// the order is a non-negative integer.
double polygamma(double order, double x);

}  // namespace thalweg
