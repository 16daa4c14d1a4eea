#pragma once
// Jacobians, Hessians, and products with them, recorded from the pullbacks alone: everything here is a Var on the tape and
// can be differentiated again.
//
// Inputs are Vars that y was made from, or parameters (a parameter's Var stands for the parameter, however often it was
// read). An input that y does not depend on gives zeros. Over a registry, or a selection of it, the derivative is by the
// flat vector of its P trainable elements: the parameters in the order of their making, each row-major.
//
// Thrown by all: DtypeError where y or an input is not f32 or f64, or a direction has another dtype than its input;
// ShapeError where it does not have its input's shape, or a result would have more than 8 dimensions; ValueError for a
// registry or selection without trainable parameters; TapeError as from `gradients`.

#include <initializer_list>
#include <span>
#include <vector>

#include <thalweg/differentiate.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

/// ∂y/∂x, of shape y.shape + x.shape. It takes as many backward passes as y has elements or, where these are fewer, as many
/// forward derivatives (see jacobian_vector_product) as the inputs have.
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

/// J·v: how y changes as x goes along `direction`, of y's shape. Forward mode from two backward passes, for the vector–
/// Jacobian product uᵀJ is linear in u: its derivative by u, along v, is Jv (Townsend, "A new trick for calculating
/// Jacobian vector products", 2017). Several inputs: the sum of their parts.
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

/// ∂²y/∂x∂x of a scalar y, of shape x.shape + x.shape: one backward pass, then one for each element of x. ShapeError where y
/// is not a scalar. Of several inputs: element [i][j] is ∂²y/∂inputs[i]∂inputs[j].
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

/// H·v of a scalar y, of x's shape, from two backward passes: the gradient of ⟨∇y, v⟩ with v held constant (Pearlmutter,
/// Neural Computation 6, 1994); the Hessian itself is not made.
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
