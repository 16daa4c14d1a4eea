#include <thalweg/check_gradients.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <thalweg/differentiate.hpp>
#include <thalweg/random.hpp>

namespace thalweg {

namespace {

using Function = std::function<Var(std::span<const Var>)>;

/// Random values away from 0, so that no term of a scalar product vanishes by chance.
Tensor random_values(const Shape& shape, Random& random) {
  Tensor values = Tensor::empty(shape, DType::f64);
  const std::span<double> elements = values.mutable_data<double>();
  fill_uniform(elements, random.next_source());
  for (double& element : elements) element = element < 0.5 ? -1.5 + 2 * element : -0.5 + 2 * element;
  return values;
}

/// A number, and the sum of the magnitudes of its terms, which bounds its rounding error.
struct Sum {
  double value = 0;
  double size = 0;

  void add_product(const Tensor& a, const Tensor& b) {
    const std::span<const double> left = a.data<double>(), right = b.data<double>();
    for (std::size_t i = 0; i < left.size(); ++i) {
      value += left[i] * right[i];
      size += std::abs(left[i] * right[i]);
    }
  }
};

std::string place_of(std::int64_t element, int input, int input_count, const Shape& shape) {
  std::string index;
  for (int axis = shape.rank(); axis-- > 0; element /= shape[axis])
    index = fmt::format("{}{}{}", element % shape[axis], index.empty() ? "" : ", ", index);
  return input == input_count ? fmt::format("cotangent, element [{}]", index)
                              : fmt::format("input {}, element [{}]", input, index);
}

/// The difference quotient at one element, and how much more the slope changes from step to step than that of a smooth
/// function.
struct Difference {
  double quotient = 0;
  double bend = 0;
  double rounding = 0;
};

/// values: at −2h, −h, 0, h, 2h. Abramowitz and Stegun, 25.3.6.
Difference difference_of(const std::array<Sum, 5>& values, double step) {
  const auto f = [&](std::ptrdiff_t at) { return values[at + 2].value; };
  Difference difference;
  difference.quotient = (8 * (f(1) - f(-1)) - (f(2) - f(-2))) / (12 * step);
  const std::array<double, 3> bends = {f(-2) - 2 * f(-1) + f(0), f(-1) - 2 * f(0) + f(1), f(0) - 2 * f(1) + f(2)};
  const auto [least, most] = std::minmax_element(bends.begin(), bends.end());
  difference.bend = (*most - *least) / step;
  double size = 0;
  for (const Sum& value : values) size = std::max(size, value.size);
  difference.rounding = 64 * std::numeric_limits<double>::epsilon() * size / step;
  return difference;
}

class Check {
 public:
  Check(const Function& function, std::vector<Tensor> inputs, const GradientCheckOptions& options)
      : function_(function),
        points_(std::move(inputs)),
        options_(options),
        input_count_(static_cast<int>(points_.size())) {
    for (const double setting : {options.step, options.tolerance})
      if (!(setting > 0) || std::isinf(setting))
        throw ValueError(error_text("check_gradients",
                                    fmt::format("a step or tolerance is {}; it must be above 0, and finite", setting)));
    for (std::size_t i = 0; i < points_.size(); ++i)
      if (is_floating(points_[i].dtype())) {
        points_[i] = points_[i].to(DType::f64);
        varied_.push_back(i);
      }
    if (varied_.empty()) throw DtypeError(error_text("check_gradients", "no input is f32 or f64"));
    Random random(options.seed);
    points_.push_back(random_values(shape_of_result(), random));  // the cotangent comes last
    for (const std::size_t i : varied_) directions_.push_back(random_values(points_[i].shape(), random));
  }

  GradientReport run() {
    check_order(1, varied_, first_order());
    if (options_.second_order) {
      std::vector<std::size_t> all = varied_;
      all.push_back(static_cast<std::size_t>(input_count_));
      check_order(2, all, second_order(all));
    }
    return report();
  }

 private:
  Shape shape_of_result() const {
    const Tape tape({.engine = options_.engine});
    const std::vector<Var> inputs = record_points();
    const Var y = function_(std::span<const Var>(inputs));
    if (y.dtype(SourceLine{}) != DType::f64)
      throw DtypeError(error_text("check_gradients",
                                  fmt::format("the result is {}; a gradient of f64 inputs is f64", name(y.dtype()))));
    return y.shape();
  }

  /// Records all points on the current tape, including the cotangent once it exists.
  std::vector<Var> record_points() const {
    std::vector<Var> vars;
    vars.reserve(points_.size());
    for (const Tensor& point : points_) vars.emplace_back(point);
    return vars;
  }

  /// y at the recorded points, without the cotangent.
  Var result_of(const std::vector<Var>& points) const {
    return function_(std::span<const Var>(points.data(), static_cast<std::size_t>(input_count_)));
  }

  std::vector<Var> gradients_of(const Var& y, const std::vector<Var>& points) const {
    std::vector<Var> wanted;
    wanted.reserve(varied_.size());
    for (const std::size_t i : varied_) wanted.push_back(points[i]);
    return gradients(y, std::span<const Var>(wanted), points.back());
  }

  Sum value_of(int order) const {
    const Tape tape({.engine = options_.engine});
    const std::vector<Var> points = record_points();
    const Var y = result_of(points);
    Sum sum;
    if (order == 1) {
      sum.add_product(y.value(), points_.back());
      return sum;
    }
    const std::vector<Var> first = gradients_of(y, points);
    for (std::size_t i = 0; i < first.size(); ++i) sum.add_product(first[i].value(), directions_[i]);
    return sum;
  }

  std::vector<Tensor> first_order() const {
    const Tape tape({.engine = options_.engine});
    const std::vector<Var> points = record_points();
    std::vector<Tensor> values;
    for (const Var& gradient : gradients_of(result_of(points), points)) values.push_back(gradient.value());
    return values;
  }

  std::vector<Tensor> second_order(const std::vector<std::size_t>& wanted) const {
    const Tape tape({.engine = options_.engine});
    const std::vector<Var> points = record_points();
    const std::vector<Var> first = gradients_of(result_of(points), points);
    std::vector<Var> inputs;
    std::vector<Tensor> sums;
    for (const std::size_t i : wanted) {
      inputs.push_back(points[i]);
      sums.push_back(Tensor::zeros(points_[i].shape(), DType::f64));
    }
    for (std::size_t i = 0; i < first.size(); ++i) {
      const std::vector<Var> terms = gradients(first[i], std::span<const Var>(inputs), directions_[i]);
      for (std::size_t k = 0; k < terms.size(); ++k) {
        const Tensor term = terms[k].value();
        const std::span<double> sum = sums[k].mutable_data<double>();
        for (std::size_t e = 0; e < sum.size(); ++e) sum[e] += term.data<double>()[e];
      }
    }
    return sums;
  }

  Difference difference(int order, std::size_t input, std::size_t element) {
    const double at = points_[input].data<double>()[element];
    const double step = options_.step * std::max(1.0, std::abs(at));
    std::array<Sum, 5> values;
    for (std::ptrdiff_t k = -2; k <= 2; ++k) {
      points_[input].mutable_data<double>()[element] = at + static_cast<double>(k) * step;
      values[k + 2] = value_of(order);
    }
    points_[input].mutable_data<double>()[element] = at;
    return difference_of(values, step);
  }

  void check_order(int order, const std::vector<std::size_t>& inputs, const std::vector<Tensor>& gradients) {
    const std::size_t first_entry = entries_.size();
    std::vector<Difference> differences;
    double largest = 0;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const Shape& shape = points_[inputs[k]].shape();
      if (!(gradients[k].shape() == shape))
        throw ShapeError(
            error_text("check_gradients", fmt::format("the gradient of input {} has shape {}, the input {}", inputs[k],
                                                      to_string(gradients[k].shape()), to_string(shape))));
      for (std::int64_t element = 0; element < shape.size(); ++element) {
        const auto input = static_cast<int>(inputs[k]);
        differences.push_back(difference(order, inputs[k], static_cast<std::size_t>(element)));
        entries_.push_back({.order = order,
                            .input = input,
                            .element = element,
                            .place = place_of(element, input, input_count_, shape),
                            .gradient = gradients[k].data<double>()[element],
                            .difference = differences.back().quotient});
        if (std::isfinite(differences.back().quotient))
          largest = std::max(largest, std::abs(differences.back().quotient));
      }
    }
    for (std::size_t i = 0; i < differences.size(); ++i) judge(entries_[first_entry + i], differences[i], largest);
  }

  void judge(GradientEntry& entry, const Difference& difference, double largest) const {
    if (!std::isfinite(entry.gradient) || !std::isfinite(entry.difference)) {
      entry.relative_error = std::numeric_limits<double>::infinity();
      entry.verdict = GradientEntry::Verdict::not_finite;
      return;
    }
    const double distance = std::max(0.0, std::abs(entry.gradient - entry.difference) - difference.rounding);
    const double scale = std::max({std::abs(entry.gradient), std::abs(entry.difference), largest / 1000});
    entry.relative_error = distance == 0 ? 0 : distance / scale;
    if (entry.relative_error <= options_.tolerance) return;
    // A kink that changes the slope by s shows as a bend of at least s/2, and changes the quotient by at most s/2.
    entry.verdict = difference.bend >= distance ? GradientEntry::Verdict::kink : GradientEntry::Verdict::wrong;
  }

  GradientReport report() {
    GradientReport report;
    report.checked = static_cast<std::int64_t>(entries_.size());
    std::stable_sort(entries_.begin(), entries_.end(), [](const GradientEntry& a, const GradientEntry& b) {
      const auto rank = [](const GradientEntry& entry) {
        return entry.verdict == GradientEntry::Verdict::right ? 1 : 0;
      };
      return rank(a) != rank(b) ? rank(a) < rank(b) : a.relative_error > b.relative_error;
    });
    entries_.resize(std::min<std::size_t>(entries_.size(), 10));
    for (const GradientEntry& entry : entries_) {
      if (entry.verdict == GradientEntry::Verdict::right) continue;
      report.ok = false;
      report.message += line_of(entry);
    }
    report.worst = std::move(entries_);
    return report;
  }

  static std::string line_of(const GradientEntry& entry) {
    const char* what = entry.verdict == GradientEntry::Verdict::kink         ? "kink within the step"
                       : entry.verdict == GradientEntry::Verdict::not_finite ? "not finite"
                                                                             : "wrong gradient";
    return fmt::format("{}: {} order, {}: gradient {:.9g}, difference {:.9g}, relative error {:.3g}\n", what,
                       entry.order == 1 ? "first" : "second", entry.place, entry.gradient, entry.difference,
                       entry.relative_error);
  }

  const Function& function_;
  std::vector<Tensor> points_;  // the inputs, then the cotangent
  const GradientCheckOptions& options_;
  int input_count_;
  std::vector<std::size_t> varied_;
  std::vector<Tensor> directions_;  // one per varied input
  std::vector<GradientEntry> entries_;
};

}  // namespace

GradientReport check_gradients(const Function& function, std::vector<Tensor> inputs,
                               const GradientCheckOptions& options) {
  return Check(function, std::move(inputs), options).run();
}

std::string to_string(const GradientReport& report) {
  if (!report.ok) return report.message;
  return fmt::format("{} gradients checked, largest relative error {:.3g}", report.checked,
                     report.worst.empty() ? 0.0 : report.worst.front().relative_error);
}

}  // namespace thalweg
