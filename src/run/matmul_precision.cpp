#include <thalweg/precision.hpp>

namespace thalweg {

namespace {

thread_local constinit Precision precision_of_thread = Precision::highest;

}  // namespace

MatmulPrecision::MatmulPrecision(Precision precision) : previous_(precision_of_thread) {
  precision_of_thread = precision;
}

MatmulPrecision::~MatmulPrecision() { precision_of_thread = previous_; }

Precision matmul_precision() { return precision_of_thread; }

}  // namespace thalweg
