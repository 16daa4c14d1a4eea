#include "tests/ops/table/table.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

namespace thalweg::op_table {

Function unary(Var (*op)(const Operand&)) {
  return [op](Inputs x) { return op(x[0]); };
}
Function binary(Var (*op)(const Operand&, const Operand&)) {
  return [op](Inputs x) { return op(x[0], x[1]); };
}
Function ternary(Var (*op)(const Operand&, const Operand&, const Operand&)) {
  return [op](Inputs x) { return op(x[0], x[1], x[2]); };
}

std::string name_of(const Row& row) { return row.form.empty() ? row.op : row.op + " " + row.form; }

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      activation_family(),  arithmetic_family(), convolution_family(),    cumulative_family(),
      exponential_family(), indexing_family(),   linear_algebra_family(), logic_family(),
      loss_family(),        matmul_family(),     normalization_family(),  pooling_family(),
      random_family(),      reduction_family(),  resize_family(),         shape_family(),
      sorting_family(),     special_family(),    trigonometric_family(),
  };
  return all;
}

Tensor doubles(std::initializer_list<internal::Literal> values) { return Tensor(values, DType::f64); }
Tensor scalar(double value) { return Tensor::full(Shape{}, value, DType::f64); }

// --- drawing ---

namespace {

constexpr std::int64_t cells = 101;  // of a domain; a prime, so that any stride visits all

double fraction(const Domain& domain, std::int64_t cell, int input) {
  const double width = (domain.high - domain.low) / static_cast<double>(cells);
  double x = domain.low + width * (static_cast<double>(cell) + 0.2 + 0.2 * input);
  for (const double kink : domain.avoid)
    if (std::abs(x - kink) < 0.02) x = kink + 0.03;
  return static_cast<double>(static_cast<float>(std::round(x * 1024) / 1024));
}

}  // namespace

Tensor draw(const Domain& domain, const Shape& shape, int input) {
  Tensor result = Tensor::empty(shape, domain.dtype);
  for (std::int64_t i = 0; i < shape.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t cell = (i * 38 + 17 * (input + 1)) % cells;
    if (domain.dtype == DType::boolean) {
      result.mutable_data<bool>()[at] = cell % 2 == 0;
    } else if (domain.dtype == DType::i64) {
      const auto low = static_cast<std::int64_t>(domain.low), high = static_cast<std::int64_t>(domain.high);
      result.mutable_data<std::int64_t>()[at] = low + cell % (high - low + 1);
    } else {
      result.mutable_data<double>()[at] = fraction(domain, cell, input);
    }
  }
  return result;
}

std::vector<Tensor> draw_inputs(const Row& row, std::span<const Shape> shapes, bool whole) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    Domain domain = row.domains.at(i);
    if (whole && domain.dtype == DType::f64) domain = {.low = -9, .high = 9, .dtype = DType::i64};
    inputs.push_back(draw(domain, shapes[i], static_cast<int>(i)));
  }
  return inputs;
}

const std::vector<std::vector<Shape>>& shapes_of(const Row& row) {
  using All = std::vector<std::vector<Shape>>;
  static const All one = {{{}}, {{1}}, {{5}}, {{3, 4}}, {{2, 1, 9}}, {{0, 3}}};
  static const All two = {{{}, {}},         {{1}, {1}},          {{3, 4}, {3, 4}}, {{3, 4}, {4}},
                          {{4}, {3, 4}},    {{3, 1}, {1, 4}},    {{}, {2, 3}},     {{2, 3}, {2, 1}},
                          {{4, 0}, {4, 1}}, {{2, 3, 2}, {3, 1}}, {{0, 3}, {0, 3}}, {{2, 1, 3}, {1, 2, 3}}};
  static const All three = {{{}, {}, {}},          {{1}, {1}, {1}},         {{3, 4}, {3, 4}, {3, 4}},
                            {{3, 1}, {4}, {}},     {{4}, {3, 1}, {3, 4}},   {{}, {2, 3}, {3}},
                            {{0, 3}, {3}, {0, 1}}, {{2, 1, 3}, {2, 3}, {1}}};
  static const All none = {{}};  // a draw has no inputs
  if (row.domains.empty()) return none;
  if (!row.shapes.empty() || !row.elementwise) return row.shapes;
  return row.domains.size() == 1 ? one : row.domains.size() == 2 ? two : three;
}

namespace {

/// Not a number and the infinities in turn at some places of the fractions.
std::vector<Tensor> with_special_values(std::vector<Tensor> inputs) {
  std::size_t turn = 0;
  for (Tensor& input : inputs) {
    if (input.dtype() != DType::f64) continue;
    const std::span<double> elements = input.mutable_data<double>();
    constexpr double special[] = {nan, inf, -inf};
    for (std::size_t i = 1 + turn; i < elements.size(); i += 5) elements[i] = special[turn++ % 3];
  }
  return inputs;
}

}  // namespace

std::vector<std::vector<Tensor>> reference_inputs(const Row& row) {
  std::vector<std::vector<Tensor>> all;
  Row drawn = row;
  if (!row.range.empty()) drawn.domains = row.range;
  if (row.elementwise) {
    const std::vector<Shape> vectors(row.domains.size(), Shape{31});
    all.push_back(draw_inputs(drawn, vectors));
    if (row.dtypes != Dtypes::fractions) all.push_back(draw_inputs(drawn, vectors, true));
    return all;
  }
  bool has_special_values = false;
  for (const std::vector<Shape>& shapes : shapes_of(row)) {
    all.push_back(draw_inputs(drawn, shapes));
    if (!has_special_values && !shapes.empty() && shapes.front().size() > 3) {
      has_special_values = true;
      all.push_back(with_special_values(all.back()));
      if (row.dtypes != Dtypes::fractions) all.push_back(draw_inputs(drawn, shapes, true));
    }
  }
  return all;
}

// --- what is recorded ---

namespace {

/// A text of rows "# name", each with cases: tensors as `dtype shape elements…`, the value after "->". The script
/// tests/ops/references/record.py writes it.
class Reader {
 public:
  explicit Reader(const char* family)
      : in_(std::string(THALWEG_SOURCE_FOLDER "/tests/ops/references/recorded/") + family + ".txt") {
    if (!in_) throw std::runtime_error(std::string("recorded references of '") + family + "' cannot be read");
  }

  std::map<std::string, std::vector<Recorded>> read() {
    std::map<std::string, std::vector<Recorded>> all;
    std::string word, name;
    Recorded open;
    while (in_ >> word) {
      if (word == "#") {
        std::getline(in_ >> std::ws, name);
      } else if (word == "->") {
        in_ >> word;
        open.value = tensor(word);
        all[name].push_back(std::move(open));
        open = {};
      } else {
        open.inputs.push_back(tensor(word));
      }
    }
    return all;
  }

 private:
  static DType dtype(const std::string& word) {
    for (const DType dtype : {DType::f64, DType::i64, DType::boolean})
      if (word == name(dtype)) return dtype;
    throw std::runtime_error("recorded references: '" + word + "' is no dtype");
  }

  Shape shape() {
    std::string word;
    in_ >> word;
    std::vector<std::int64_t> dimensions;
    std::istringstream text(word == "()" ? "" : word);
    for (std::string dimension; std::getline(text, dimension, 'x');) dimensions.push_back(std::stoll(dimension));
    return Shape(std::span<const std::int64_t>(dimensions));
  }

  Tensor tensor(const std::string& dtype_word) {
    const DType type = dtype(dtype_word);
    Tensor result = Tensor::empty(shape(), type);
    for (std::size_t i = 0; i < static_cast<std::size_t>(result.size()); ++i) {
      std::string word;
      in_ >> word;
      if (type == DType::f64) {
        result.mutable_data<double>()[i] = std::strtod(word.c_str(), nullptr);
      } else if (type == DType::i64) {
        result.mutable_data<std::int64_t>()[i] = std::stoll(word);
      } else {
        result.mutable_data<bool>()[i] = word == "1";
      }
    }
    return result;
  }

  std::ifstream in_;
};

}  // namespace

const std::vector<Recorded>& recorded(const Row& row) {
  static const std::map<std::string, std::vector<Recorded>> all = [] {
    std::map<std::string, std::vector<Recorded>> merged;
    for (const Family& family : families()) merged.merge(Reader(family.name).read());
    return merged;
  }();
  static const std::vector<Recorded> none;
  const auto found = all.find(name_of(row));
  return found == all.end() ? none : found->second;
}

}  // namespace thalweg::op_table
