#include <thalweg/ops/random.hpp>

#include <fmt/format.h>

namespace thalweg {

namespace {

const Op uniform_op{.name = "uniform", .kind = Kind::random};
const Op normal_op{.name = "normal", .kind = Kind::random, .normal = true};

Var draw(const Op& op, const Shape& shape, Random& random, DType dtype, SourceLine line) {
  if (!is_floating(dtype))
    throw DtypeError(error_text(op.name, fmt::format("draws are f32 or f64, not {}", name(dtype)), line));
  return record_draw(op, random, shape, dtype, line);
}

}  // namespace

Var uniform(const Shape& shape, Random& random, DType dtype, SourceLine line) {
  return draw(uniform_op, shape, random, dtype, line);
}
Var normal(const Shape& shape, Random& random, DType dtype, SourceLine line) {
  return draw(normal_op, shape, random, dtype, line);
}

}  // namespace thalweg
