#pragma once
#include <thalweg/op.hpp>

namespace thalweg {

/// The matrix product: (m, k) by (k, n) gives (m, n); f32 and f64. Each element sums over k in order, with fused
/// multiply-adds where the processor has them. d/dA = Ḡ·Bᵀ, d/dB = Aᵀ·Ḡ. A transposed factor is read in place.
/// ShapeError where a factor has not two dimensions or the inner ones differ; DtypeError for i64 and bool.
Var matmul(const Operand& a, const Operand& b);

}  // namespace thalweg
