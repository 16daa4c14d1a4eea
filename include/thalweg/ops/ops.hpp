#pragma once
// All ops.

#include <thalweg/ops/activation.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/axes.hpp>
#include <thalweg/ops/convolution.hpp>
#include <thalweg/ops/cumulative.hpp>
#include <thalweg/ops/einsum.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/indexing.hpp>
#include <thalweg/ops/linear_algebra.hpp>
#include <thalweg/ops/logic.hpp>
#include <thalweg/ops/loss.hpp>
#include <thalweg/ops/matmul.hpp>
#include <thalweg/ops/normalization.hpp>
#include <thalweg/ops/pooling.hpp>
#include <thalweg/ops/random.hpp>
#include <thalweg/ops/reduction.hpp>
#include <thalweg/ops/resize.hpp>
#include <thalweg/ops/rounding.hpp>
#include <thalweg/ops/shape.hpp>
#include <thalweg/ops/sorting.hpp>
#include <thalweg/ops/special.hpp>
#include <thalweg/ops/trigonometric.hpp>
