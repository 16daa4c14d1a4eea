#include "ops/errors.hpp"

#include <fmt/format.h>

#include "src/tape/recorder.hpp"

namespace thalweg {

SourceLine blamed(SourceLine line) {
  const internal::Recorder* recorder = internal::Recorder::current();
  return recorder == nullptr ? line : recorder->blame(line);
}

const char* blamed(const char* op) {
  const internal::Recorder* recorder = internal::Recorder::current();
  return recorder == nullptr ? op : recorder->blame(op);
}

Var floating_value(const char* op, const Operand& x) {
  const Var value = as_var(x, op);
  if (!is_floating(value.dtype()))
    fail<DtypeError>(op, fmt::format("{} has no fractions; cast to f32 or f64 first", name(value.dtype())), x.line());
  return value;
}

}  // namespace thalweg
