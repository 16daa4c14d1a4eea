#pragma once
// Elementwise activation functions of f32 and f64. DtypeError for i64 and bool: cast first. ValueError for a parameter
// that is NaN or infinite. At a kink the derivative is 0.

#include <thalweg/op.hpp>

namespace thalweg {

/// tanh x. d/dx = 1 − tanh² x.
Var tanh(const Operand& x);
/// 1 / (1 + e⁻ˣ), accurate in both tails. d/dx = s(1 − s).
Var sigmoid(const Operand& x);
/// max(x, 0); NaN stays. d/dx = 1 above 0, else 0.
Var relu(const Operand& x);

/// x above 0, negative_slope · x below. d/dx = 1 above 0, negative_slope below, 0 at 0.
Var leaky_relu(const Operand& x, double negative_slope = 0.01);
/// x above 0, alpha·(eˣ − 1) below. d/dx = 1 above 0, alpha·eˣ below; at 0 it is 1 where alpha is, else 0 (a kink).
/// Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by exponential linear units", 2016.
Var elu(const Operand& x, double alpha = 1);
/// 1.0507·elu(x, 1.6733); the constants preserve mean 0 and variance 1. d/dx at 0 is 0 (a kink).
/// Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017.
Var selu(const Operand& x);
/// exact: x·Φ(x) with the normal distribution function Φ(x) = erfc(−x/√2)/2.
/// tanh: Φ(x) is approximated by (1 + tanh(√(2/π)·(x + 0.044715·x³)))/2.
enum class GeluForm : std::uint8_t { exact, tanh };
/// x·Φ(x). d/dx = Φ(x) + x·φ(x), with φ the normal density, or the derivative of the approximation.
/// Hendrycks, Gimpel, "Gaussian error linear units", 2016.
Var gelu(const Operand& x, GeluForm form = GeluForm::exact);
/// x·sigmoid(x), also called swish. d/dx = s(1 + x(1 − s)) with s the sigmoid.
/// Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units for neural network function approximation", 2018.
Var silu(const Operand& x);
/// x·tanh(softplus(x)). d/dx = t + x·s·(1 − t²) with t = tanh(softplus(x)) and s the sigmoid.
/// Misra, "Mish: a self regularized non-monotonic activation function", 2020.
Var mish(const Operand& x);
/// ln(1 + eˣ), accurate in both tails. d/dx = sigmoid(x), ½ at 0.
Var softplus(const Operand& x);
/// ln sigmoid(x) = −softplus(−x). d/dx = sigmoid(−x).
Var log_sigmoid(const Operand& x);
/// clamp(x + 3, 0, 6) / 6. d/dx = 1/6 strictly between −3 and 3, else 0.
Var hard_sigmoid(const Operand& x);
/// clamp(x, low, high). d/dx = 1 strictly between them, else 0. ValueError if low > high.
Var hard_tanh(const Operand& x, double low = -1, double high = 1);

}  // namespace thalweg
