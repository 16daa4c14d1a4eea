#pragma once
// All of the library but graph.hpp, which compiles slowly.

#include <thalweg/compute.hpp>
#include <thalweg/derivatives.hpp>
#include <thalweg/differentiate.hpp>
#include <thalweg/error.hpp>
#include <thalweg/format.hpp>
#include <thalweg/nn/initializers.hpp>
#include <thalweg/op.hpp>
#include <thalweg/ops/ops.hpp>
#include <thalweg/optim/adagrad.hpp>
#include <thalweg/optim/adam.hpp>
#include <thalweg/optim/momentum.hpp>
#include <thalweg/optim/sgd.hpp>
#include <thalweg/random.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/statistics.hpp>
#include <thalweg/tape.hpp>
#include <thalweg/tensor.hpp>
#include <thalweg/threads.hpp>
#include <thalweg/train/accuracy.hpp>
#include <thalweg/train/batches.hpp>
#include <thalweg/train/dataset.hpp>
#include <thalweg/train/idx.hpp>
#include <thalweg/train/progress.hpp>
