#include <thalweg/optim/sgd.hpp>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

SGD::SGD(ParameterRegistry& registry, const SGDOptions& options, SourceLine line)
    : Optimizer(registry, "sgd", options.learning_rate, line) {}

void SGD::update(Update& u) { u.set_value(u.value() - learning_rate() * u.gradient()); }

}  // namespace thalweg
