#include <thalweg/optim/sgd.hpp>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

SGD::SGD(const OptimizedParameters& parameters, const SGDOptions& options, SourceLine line)
    : OptimizerOf(parameters, "sgd", options, nullptr, line) {}

void SGD::update(Update& u, const SGDOptions&) { u.set_value(u.value() - u.learning_rate() * u.gradient()); }

}  // namespace thalweg
