#include <thalweg/thalweg.hpp>

#include "bench/rows.hpp"

namespace bench {

namespace tw = thalweg;

Measurement run_op_chain(const Spec& spec) {
  const std::int64_t length = spec.integer("n");
  tw::ParameterRegistry registry;
  const tw::Parameter x = registry.add("x", tw::ones({}));
  double value = 0;
  const auto call = [&] {
    tw::Tape tape;
    tw::Var y = x;
    for (std::int64_t i = 0; i < length; ++i) y = y + x;
    tw::backward(y);
    value = y.item();
  };
  constexpr double nanoseconds = 1e9;
  Measurement result = measure_calls(spec, call, static_cast<double>(length), nanoseconds);
  result.check = {value, x.gradient().item()};
  return result;
}

}  // namespace bench
