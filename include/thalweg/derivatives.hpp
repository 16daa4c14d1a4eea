#pragma once
// Jacobians, Hessians, and products with them. All are built from pullbacks, and every result is a Var on the tape that
// can be differentiated again.
//
// Inputs are Vars from which y was computed, or parameters (including all of their reads on the tape). An input on
// which y does not depend gives zeros. For a registry, or a selection of it, the derivative is by the flat vector of
// its P trainable elements: the parameters in the order in which they were added, each row-major.
//
// All throw DtypeError if y or an input is not f32 or f64, or a direction differs in dtype from its input; ShapeError
// if a direction differs in shape from its input, or a result would have more than 8 dimensions; ValueError for a
// registry or selection without trainable parameters; TapeError as `gradients` does.

#include <initializer_list>
#include <span>
#include <vector>

#include <thalweg/differentiate.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

/// ∂y/∂x, of shape y.shape + x.shape. Takes one backward pass per element of y or, if that is fewer, one forward
/// derivative (see jacobian_vector_product) per element of the inputs.
Var jacobian(const Var& y, const DerivativeInput& x, const char* file = __builtin_FILE(),
             unsigned line = __builtin_LINE());
std::vector<Var> jacobian(const Var& y, std::span<const Var> inputs, const char* file = __builtin_FILE(),
                          unsigned line = __builtin_LINE());
std::vector<Var> jacobian(const Var& y, std::initializer_list<DerivativeInput> inputs,
                          const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
/// Of shape y.shape + (P,).
Var jacobian(const Var& y, const ParameterRegistry& registry, const char* file = __builtin_FILE(),
             unsigned line = __builtin_LINE());
Var jacobian(const Var& y, const Selection& parameters, const char* file = __builtin_FILE(),
             unsigned line = __builtin_LINE());

/// J·v, of y's shape: the derivative of y along `direction`. Forward mode by two backward passes: the vector–Jacobian
/// product uᵀJ is linear in u, and its derivative with respect to u along v is Jv (Townsend, "A new trick for
/// calculating Jacobian vector products", 2017). For several inputs, the sum over them.
Var jacobian_vector_product(const Var& y, const DerivativeInput& x, const Var& direction,
                            const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
Var jacobian_vector_product(const Var& y, std::span<const Var> inputs, std::span<const Var> directions,
                            const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
Var jacobian_vector_product(const Var& y, std::initializer_list<DerivativeInput> inputs,
                            std::initializer_list<Var> directions, const char* file = __builtin_FILE(),
                            unsigned line = __builtin_LINE());
/// `direction` is (P,).
Var jacobian_vector_product(const Var& y, const ParameterRegistry& registry, const Var& direction,
                            const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
Var jacobian_vector_product(const Var& y, const Selection& parameters, const Var& direction,
                            const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());

/// ∂²y/∂x∂x of a scalar y, of shape x.shape + x.shape: one backward pass, then one per element of x. ShapeError if y is
/// not a scalar. For several inputs, element [i][j] is ∂²y/∂inputs[i]∂inputs[j].
Var hessian(const Var& y, const DerivativeInput& x, const char* file = __builtin_FILE(),
            unsigned line = __builtin_LINE());
std::vector<std::vector<Var>> hessian(const Var& y, std::span<const Var> inputs, const char* file = __builtin_FILE(),
                                      unsigned line = __builtin_LINE());
std::vector<std::vector<Var>> hessian(const Var& y, std::initializer_list<DerivativeInput> inputs,
                                      const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
/// Of shape (P, P).
Var hessian(const Var& y, const ParameterRegistry& registry, const char* file = __builtin_FILE(),
            unsigned line = __builtin_LINE());
Var hessian(const Var& y, const Selection& parameters, const char* file = __builtin_FILE(),
            unsigned line = __builtin_LINE());

/// H·v of a scalar y, of x's shape, by two backward passes: the gradient of ⟨∇y, v⟩ with v held constant (Pearlmutter,
/// Neural Computation 6, 1994). The Hessian itself is never formed.
Var hessian_vector_product(const Var& y, const DerivativeInput& x, const Var& direction,
                           const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
std::vector<Var> hessian_vector_product(const Var& y, std::span<const Var> inputs, std::span<const Var> directions,
                                        const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
std::vector<Var> hessian_vector_product(const Var& y, std::initializer_list<DerivativeInput> inputs,
                                        std::initializer_list<Var> directions, const char* file = __builtin_FILE(),
                                        unsigned line = __builtin_LINE());
/// `direction` and the result are (P,).
Var hessian_vector_product(const Var& y, const ParameterRegistry& registry, const Var& direction,
                           const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
Var hessian_vector_product(const Var& y, const Selection& parameters, const Var& direction,
                           const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());

}  // namespace thalweg
