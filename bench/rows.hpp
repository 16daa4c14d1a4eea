#pragma once
// The kinds of rows: programs as a user would write them.

#include "bench/measure.hpp"
#include "bench/spec.hpp"

namespace bench {

/// kind=mlp: an affine net with its activation, batch norm, dropout, penalty, loss and optimizer, trained on
/// mini-batches.
Measurement run_mlp(const Spec& spec);

/// kind=rnn: a recurrent net on sequences of many lengths.
Measurement run_rnn(const Spec& spec);

/// kind=ops: a chain of additions of one number and its derivative: what recording an op costs.
Measurement run_op_chain(const Spec& spec);

/// kind=graphs: random graphs, none of them twice: what a structure that never repeats costs.
Measurement run_random_graphs(const Spec& spec);

/// kind=fn: value and gradient of a function of large arrays.
Measurement run_function(const Spec& spec);

/// kind=matmul: a product of square matrices, in GFLOP/s.
Measurement run_matmul(const Spec& spec);

/// kind=opadd: additions of two numbers, each one computed before the next.
Measurement run_addition(const Spec& spec);

/// kind=hvp: a product of the Hessian of a net's loss with a vector.
Measurement run_hessian_product(const Spec& spec);

/// kind=opt: the step of an optimizer alone.
Measurement run_optimizer(const Spec& spec);

}  // namespace bench
