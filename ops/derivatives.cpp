#include <thalweg/derivatives.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/differentiate.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"
#include "src/tensor/shape_error.hpp"

namespace thalweg {

namespace {

using Vars = std::vector<Var>;

/// The function that the user called and the line it was called from, for errors.
struct Request {
  const char* op;
  SourceLine line;

  template <class Type>
  [[noreturn]] void fail(const std::string& message) const {
    throw Type(error_text(op, message, line));
  }
};

/// TapeError, naming the function that the user called, if one is dead or empty.
void check_alive(const Request& request, std::span<const Var> vars) {
  for (const Var& var : vars) internal::Recorder::of(var, request.op, request.line);
}

void check_dtypes(const Request& request, const Var& y, std::span<const Var> inputs) {
  check_alive(request, {&y, 1});
  check_alive(request, inputs);
  if (!is_floating(y.dtype()))
    request.fail<DtypeError>(fmt::format("a value of dtype {} has no derivative", name(y.dtype())));
  for (const Var& input : inputs)
    if (!is_floating(input.dtype()))
      request.fail<DtypeError>(fmt::format("there is no derivative by an input of dtype {}", name(input.dtype())));
}

void check_directions(const Request& request, std::span<const Var> inputs, std::span<const Var> directions) {
  check_alive(request, directions);
  if (inputs.size() != directions.size())
    request.fail<ShapeError>(fmt::format("{} inputs and {} directions", inputs.size(), directions.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!(inputs[i].shape() == directions[i].shape()))
      request.fail<ShapeError>(fmt::format("the direction has shape {}, its input {}", to_string(directions[i].shape()),
                                           to_string(inputs[i].shape())));
    if (inputs[i].dtype() != directions[i].dtype() && !type_of(directions[i]).weak && !type_of(inputs[i]).weak)
      request.fail<DtypeError>(
          fmt::format("the direction is {}, its input {}", name(directions[i].dtype()), name(inputs[i].dtype())));
  }
}

void check_scalar(const Request& request, const Var& y) {
  if (y.size() != 1) request.fail<ShapeError>(fmt::format("shape {} is not a scalar", to_string(y.shape())));
}

/// The dimensions of `a` followed by those of `b`.
Shape joined(const Request& request, const Shape& a, const Shape& b) {
  if (a.rank() + b.rank() > Shape::max_rank)
    request.fail<ShapeError>(fmt::format("the result of shape {} + {} has more than {} dimensions", to_string(a),
                                         to_string(b), Shape::max_rank));
  std::array<std::int64_t, Shape::max_rank> dimensions{};
  auto* const middle = std::copy(a.begin(), a.end(), dimensions.begin());
  auto* const end = std::copy(b.begin(), b.end(), middle);
  return internal::made_for(request.op, request.line,
                            [&] { return Shape(std::span<const std::int64_t>(dimensions.data(), end)); });
}

/// The parts concatenated along `axis`; a single one is returned as it is.
Var joined(const Vars& parts, int axis) { return parts.size() == 1 ? parts.front() : concatenate(parts, axis); }

/// The unit vectors of `shape`: 1 in element i, 0 elsewhere, for each i.
class UnitVectors {
 public:
  UnitVectors(const Shape& shape, DType dtype) : shape_(shape) {
    const std::int64_t count = shape.size();
    Tensor unit = Tensor::zeros({count, count}, DType::f64);
    const std::span<double> elements = unit.mutable_data<double>();
    for (std::int64_t i = 0; i < count; ++i) elements[i * (count + 1)] = 1;
    matrix_ = unit.to(dtype);
  }
  Var operator[](std::int64_t i) const { return reshape(slice(matrix_, 0, i, i + 1), shape_); }

 private:
  Shape shape_;
  Var matrix_;
};

std::int64_t element_count(std::span<const Var> vars) {
  std::int64_t count = 0;
  for (const Var& var : vars) count += var.size();
  return count;
}

Vars gradients_at(const Request& request, const Var& y, std::span<const Var> inputs, const Var& seed = {}) {
  return gradients(y, inputs, seed, request.line.file, request.line.line);
}

/// The elements of all Vars as one vector; a single Var is returned as it is.
Var flat(Vars vars) {
  if (vars.size() == 1) return vars.front();
  for (Var& var : vars) var = reshape(var, {var.size()});
  return joined(vars, 0);
}

/// uᵀJ as a linear function of u: its derivative with respect to u along a direction is J·direction (forward mode by
/// two reverse passes). u has the value 1, not 0: at 0 some gradient rules are not linear, since `chain` treats a
/// gradient of exactly 0 as a constant.
struct Transposed {
  Var u;
  Vars gradients;

  Transposed(const Request& request, const Var& y, std::span<const Var> inputs)
      : u(Tensor::ones(y.shape(), y.dtype())), gradients(gradients_at(request, y, inputs, u)) {}

  Var along(const Request& request, std::span<const Var> directions) const {
    return gradients_at(request, flat(gradients), {&u, 1}, flat({directions.begin(), directions.end()}))[0];
  }
};

/// One matrix (elements of y, elements of the input) per input, computed row by row.
Vars matrix_by_rows(const Request& request, const Var& y, std::span<const Var> inputs) {
  const UnitVectors seeds(y.shape(), y.dtype());
  std::vector<Vars> rows(inputs.size());
  for (std::int64_t row = 0; row < y.size(); ++row) {
    const Vars gradients = gradients_at(request, y, inputs, seeds[row]);
    for (std::size_t i = 0; i < inputs.size(); ++i) rows[i].push_back(reshape(gradients[i], {1, inputs[i].size()}));
  }
  Vars matrices;
  for (Vars& of_input : rows) matrices.push_back(joined(of_input, 0));
  return matrices;
}

Vars matrix_by_columns(const Request& request, const Var& y, std::span<const Var> inputs) {
  const Transposed transposed(request, y, inputs);
  Vars matrices;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const UnitVectors directions(inputs[i].shape(), inputs[i].dtype());
    Vars columns;
    for (std::int64_t column = 0; column < inputs[i].size(); ++column) {
      const Var change = gradients_at(request, transposed.gradients[i], {&transposed.u, 1}, directions[column])[0];
      columns.push_back(reshape(change, {y.size(), 1}));
    }
    matrices.push_back(joined(columns, 1));
  }
  return matrices;
}

Vars jacobians(const Request& request, const Var& y, std::span<const Var> inputs) {
  const OpScope scope(request.op, request.line);
  check_dtypes(request, y, inputs);
  std::vector<Shape> shapes;
  for (const Var& input : inputs) shapes.push_back(joined(request, y.shape(), input.shape()));
  const bool is_empty = y.shape().size() == 0 ||
                        std::any_of(inputs.begin(), inputs.end(), [](const Var& x) { return x.shape().size() == 0; });
  Vars results;
  if (is_empty) {
    for (const Shape& shape : shapes) results.emplace_back(Tensor::zeros(shape, y.dtype()));
    return results;
  }
  const bool by_rows = y.size() <= element_count(inputs);
  results = by_rows ? matrix_by_rows(request, y, inputs) : matrix_by_columns(request, y, inputs);
  for (std::size_t i = 0; i < results.size(); ++i) results[i] = reshape(results[i], shapes[i]);
  return results;
}

Var jacobian_along(const Request& request, const Var& y, std::span<const Var> inputs, std::span<const Var> directions) {
  const OpScope scope(request.op, request.line);
  check_dtypes(request, y, inputs);
  check_directions(request, inputs, directions);
  if (inputs.empty()) return Tensor::zeros(y.shape(), y.dtype());
  return Transposed(request, y, inputs).along(request, directions);
}

std::vector<Vars> hessians(const Request& request, const Var& y, std::span<const Var> inputs) {
  const OpScope scope(request.op, request.line);
  check_dtypes(request, y, inputs);
  check_scalar(request, y);
  std::vector<Vars> blocks;
  for (const Var& gradient : gradients_at(request, y, inputs)) blocks.push_back(jacobians(request, gradient, inputs));
  return blocks;
}

Vars hessian_along(const Request& request, const Var& y, std::span<const Var> inputs, std::span<const Var> directions) {
  const OpScope scope(request.op, request.line);
  check_dtypes(request, y, inputs);
  check_scalar(request, y);
  check_directions(request, inputs, directions);
  if (inputs.empty()) return {};
  return gradients_at(request, flat(gradients_at(request, y, inputs)), inputs,
                      flat({directions.begin(), directions.end()}));
}

// --- the flat vector of a registry's parameters ---

Vars trainable(const Request& request, std::span<const Parameter> parameters) {
  const internal::Recorder& recorder = internal::Recorder::require(request.op, request.line);
  Vars inputs;
  for (const Parameter& parameter : parameters) {
    if (!parameter.trainable()) continue;
    inputs.emplace_back(parameter, request.line.file, request.line.line);
    // After an assign, reading the parameter gives the assigned value, on which y does not depend.
    if (recorder.key(inputs.back().id()).op != &internal::parameter_op)
      request.fail<TapeError>(
          fmt::format("parameter '{}' was assigned on this tape; differentiate before assigning, or on a new tape",
                      parameter.name()));
  }
  if (inputs.empty()) request.fail<ValueError>("there are no trainable parameters");
  return inputs;
}

Vars inputs_of(const Request& request, const ParameterRegistry& registry) {
  return trainable(request, registry.parameters());
}

Vars inputs_of(const Request& request, const Selection& selection) {
  std::vector<Parameter> parameters;
  for (const int index : selection.indices()) parameters.emplace_back(selection.core(), index);
  return trainable(request, parameters);
}

/// A flat direction, split into the parameters' shapes.
Vars split(const Request& request, const Var& direction, std::span<const Var> inputs) {
  check_alive(request, {&direction, 1});
  const std::int64_t count = element_count(inputs);
  if (!(direction.shape() == Shape{count}))
    request.fail<ShapeError>(
        fmt::format("the direction has shape {}, the parameters ({},)", to_string(direction.shape()), count));
  Vars parts;
  std::int64_t start = 0;
  for (const Var& input : inputs) {
    parts.push_back(reshape(slice(direction, 0, start, start + input.size()), input.shape()));
    start += input.size();
  }
  return parts;
}

Var flat_jacobian(const Request& request, const Var& y, const Vars& inputs) {
  const OpScope scope(request.op, request.line);
  Vars parts = jacobians(request, y, inputs);
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = reshape(parts[i], {y.size(), inputs[i].size()});
  return reshape(joined(parts, 1), joined(request, y.shape(), Shape{element_count(inputs)}));
}

Var flat_hessian(const Request& request, const Var& y, const Vars& inputs) {
  const OpScope scope(request.op, request.line);
  check_dtypes(request, y, inputs);
  check_scalar(request, y);
  Vars rows;
  for (const Var& gradient : gradients_at(request, y, inputs))
    rows.push_back(flat_jacobian(request, reshape(gradient, {gradient.size()}), inputs));
  return joined(rows, 0);
}

Var flat_jacobian_along(const Request& request, const Var& y, const Vars& inputs, const Var& direction) {
  return jacobian_along(request, y, inputs, split(request, direction, inputs));
}

Var flat_hessian_along(const Request& request, const Var& y, const Vars& inputs, const Var& direction) {
  const Var product = flat(hessian_along(request, y, inputs, split(request, direction, inputs)));
  return reshape(product, direction.shape());
}

Vars vars_of(std::initializer_list<DerivativeInput> inputs) {
  Vars vars;
  for (const DerivativeInput& input : inputs) vars.push_back(input.var());
  return vars;
}
std::span<const Var> as_span(std::initializer_list<Var> vars) { return {vars.begin(), vars.size()}; }

}  // namespace

Var jacobian(const Var& y, const DerivativeInput& x, const char* file, unsigned line) {
  return jacobians({"jacobian", {file, line}}, y, {&x.var(), 1})[0];
}
std::vector<Var> jacobian(const Var& y, std::span<const Var> inputs, const char* file, unsigned line) {
  return jacobians({"jacobian", {file, line}}, y, inputs);
}
std::vector<Var> jacobian(const Var& y, std::initializer_list<DerivativeInput> inputs, const char* file,
                          unsigned line) {
  return jacobian(y, vars_of(inputs), file, line);
}
Var jacobian(const Var& y, const ParameterRegistry& registry, const char* file, unsigned line) {
  const Request request{"jacobian", {file, line}};
  return flat_jacobian(request, y, inputs_of(request, registry));
}
Var jacobian(const Var& y, const Selection& parameters, const char* file, unsigned line) {
  const Request request{"jacobian", {file, line}};
  return flat_jacobian(request, y, inputs_of(request, parameters));
}

Var jacobian_vector_product(const Var& y, const DerivativeInput& x, const Var& direction, const char* file,
                            unsigned line) {
  return jacobian_along({"jacobian_vector_product", {file, line}}, y, {&x.var(), 1}, {&direction, 1});
}
Var jacobian_vector_product(const Var& y, std::span<const Var> inputs, std::span<const Var> directions,
                            const char* file, unsigned line) {
  return jacobian_along({"jacobian_vector_product", {file, line}}, y, inputs, directions);
}
Var jacobian_vector_product(const Var& y, std::initializer_list<DerivativeInput> inputs,
                            std::initializer_list<Var> directions, const char* file, unsigned line) {
  return jacobian_vector_product(y, vars_of(inputs), as_span(directions), file, line);
}
Var jacobian_vector_product(const Var& y, const ParameterRegistry& registry, const Var& direction, const char* file,
                            unsigned line) {
  const Request request{"jacobian_vector_product", {file, line}};
  return flat_jacobian_along(request, y, inputs_of(request, registry), direction);
}
Var jacobian_vector_product(const Var& y, const Selection& parameters, const Var& direction, const char* file,
                            unsigned line) {
  const Request request{"jacobian_vector_product", {file, line}};
  return flat_jacobian_along(request, y, inputs_of(request, parameters), direction);
}

Var hessian(const Var& y, const DerivativeInput& x, const char* file, unsigned line) {
  return hessians({"hessian", {file, line}}, y, {&x.var(), 1})[0][0];
}
std::vector<std::vector<Var>> hessian(const Var& y, std::span<const Var> inputs, const char* file, unsigned line) {
  return hessians({"hessian", {file, line}}, y, inputs);
}
std::vector<std::vector<Var>> hessian(const Var& y, std::initializer_list<DerivativeInput> inputs, const char* file,
                                      unsigned line) {
  return hessian(y, vars_of(inputs), file, line);
}
Var hessian(const Var& y, const ParameterRegistry& registry, const char* file, unsigned line) {
  const Request request{"hessian", {file, line}};
  return flat_hessian(request, y, inputs_of(request, registry));
}
Var hessian(const Var& y, const Selection& parameters, const char* file, unsigned line) {
  const Request request{"hessian", {file, line}};
  return flat_hessian(request, y, inputs_of(request, parameters));
}

Var hessian_vector_product(const Var& y, const DerivativeInput& x, const Var& direction, const char* file,
                           unsigned line) {
  return hessian_along({"hessian_vector_product", {file, line}}, y, {&x.var(), 1}, {&direction, 1})[0];
}
std::vector<Var> hessian_vector_product(const Var& y, std::span<const Var> inputs, std::span<const Var> directions,
                                        const char* file, unsigned line) {
  return hessian_along({"hessian_vector_product", {file, line}}, y, inputs, directions);
}
std::vector<Var> hessian_vector_product(const Var& y, std::initializer_list<DerivativeInput> inputs,
                                        std::initializer_list<Var> directions, const char* file, unsigned line) {
  return hessian_vector_product(y, vars_of(inputs), as_span(directions), file, line);
}
Var hessian_vector_product(const Var& y, const ParameterRegistry& registry, const Var& direction, const char* file,
                           unsigned line) {
  const Request request{"hessian_vector_product", {file, line}};
  return flat_hessian_along(request, y, inputs_of(request, registry), direction);
}
Var hessian_vector_product(const Var& y, const Selection& parameters, const Var& direction, const char* file,
                           unsigned line) {
  const Request request{"hessian_vector_product", {file, line}};
  return flat_hessian_along(request, y, inputs_of(request, parameters), direction);
}

}  // namespace thalweg
