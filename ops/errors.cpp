#include "ops/errors.hpp"

#include <cmath>

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

std::string path_to(const char* op) { return internal::Recorder::path_to(op); }

std::string place_in(const Shape& shape, std::int64_t element) {
  if (shape.rank() <= 1) return std::to_string(element);
  std::string place;
  for (int axis = shape.rank(); axis-- > 0; element /= shape[axis])
    place = fmt::format("{}{}{}", element % shape[axis], place.empty() ? "" : ", ", place);
  return "(" + place + ")";
}

void check_epsilon(const char* op, double epsilon, DType dtype, SourceLine line) {
  const double used = dtype == DType::f32 ? static_cast<double>(static_cast<float>(epsilon)) : epsilon;
  if (used > 0 && std::isfinite(used)) return;
  const bool is_lost = epsilon > 0 && std::isfinite(epsilon);
  fail<ValueError>(op,
                   fmt::format("epsilon is {}{}; it must be above 0, and finite", epsilon,
                               is_lost ? fmt::format(", {} in {}", used, name(dtype)) : ""),
                   line);
}

Var floating_value(const char* op, const Operand& x) {
  const Var value = as_var(x, op);
  if (!is_floating(value.dtype()))
    fail<DtypeError>(op, fmt::format("{} has no fractions; cast to f32 or f64 first", name(value.dtype())), x.line());
  return value;
}

}  // namespace thalweg
