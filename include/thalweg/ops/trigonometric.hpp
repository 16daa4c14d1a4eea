#pragma once
// Elementwise trigonometric and hyperbolic functions of f32 and f64, in radians; tanh is in activation.hpp. DtypeError
// for i64 and bool: cast first. Arguments of any size are reduced exactly. Precision: docs/precision.md.

#include <thalweg/op.hpp>

namespace thalweg {

/// sin x; NaN at ±inf. d/dx = cos x.
Var sin(const Operand& x);
/// cos x; NaN at ±inf. d/dx = −sin x.
Var cos(const Operand& x);
/// tan x; NaN at ±inf. d/dx = 1 + tan² x.
Var tan(const Operand& x);

/// The arc sine, in [−π/2, π/2]; NaN beyond ±1. d/dx = 1/√(1 − x²): inf at ±1.
Var asin(const Operand& x);
/// The arc cosine, in [0, π]; NaN beyond ±1. d/dx = −1/√(1 − x²): −inf at ±1.
Var acos(const Operand& x);
/// The arc tangent, in [−π/2, π/2]. d/dx = 1/(1 + x²).
Var atan(const Operand& x);
/// The angle of the point (x, y), in [−π, π], with C's signed zeros and infinities. d/dy = x/(x² + y²),
/// d/dx = −y/(x² + y²), both 0 at the origin.
Var atan2(const Operand& y, const Operand& x);

/// sinh x = (eˣ − e⁻ˣ)/2. d/dx = cosh x.
Var sinh(const Operand& x);
/// cosh x = (eˣ + e⁻ˣ)/2. d/dx = sinh x.
Var cosh(const Operand& x);
/// The inverse of sinh, ln(x + √(x² + 1)). d/dx = 1/√(x² + 1).
Var asinh(const Operand& x);
/// The inverse of cosh, ln(x + √(x² − 1)); NaN below 1. d/dx = 1/√(x² − 1): inf at 1.
Var acosh(const Operand& x);
/// The inverse of tanh, ln((1 + x)/(1 − x))/2: ±inf at ±1, NaN beyond. d/dx = 1/(1 − x²).
Var atanh(const Operand& x);

}  // namespace thalweg
