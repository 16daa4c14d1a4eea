#include "tests/ops/table/mutation.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include <thalweg/differentiate.hpp>

#include "src/tape/mutation.hpp"
#include "tests/ops/table/checks.hpp"

namespace thalweg::op_table {

namespace {

std::vector<const Row*> rows_of(const std::string& op) {
  std::vector<const Row*> rows;
  for (const Family& family : families())
    for (const Row& row : family.rows)
      if (row.op == op) rows.push_back(&row);
  return rows;
}

// --- the perturbed kernel ---

template <class T>
void perturb_last(void* output, std::size_t count) {
  T& last = static_cast<T*>(output)[count - 1];
  if constexpr (std::is_same_v<T, bool>) {
    last = !last;
  } else if constexpr (std::is_integral_v<T>) {
    last += 1;
  } else {
    last += std::max(std::abs(last), T{1}) * T{0.001};
  }
}

void perturb(const OpaqueCall& call) {
  const auto count = static_cast<std::size_t>(call.output_type.shape.size());
  std::memcpy(call.output, call.inputs[0], count * size_of(call.output_type.dtype));
  if (count == 0) return;
  switch (call.output_type.dtype) {
    case DType::f32: return perturb_last<float>(call.output, count);
    case DType::f64: return perturb_last<double>(call.output, count);
    case DType::i64: return perturb_last<std::int64_t>(call.output, count);
    case DType::boolean: return perturb_last<bool>(call.output, count);
  }
}

const Op perturb_op{.name = "perturb", .kind = Kind::opaque, .opaque_kernel = perturb};

// --- mutations ---

/// Notes what is recorded, and changes nothing.
class Observer : public internal::Mutation {
 public:
  Var pulled_back(const Op& op, const Pullback& pullback, const Var& term) override {
    const std::lock_guard lock(mutex_);
    rules.insert({&op, pullback.index});
    return term;
  }
  const Op* applied_after(const Op& op) override {
    const std::lock_guard lock(mutex_);
    computed.insert(&op);
    return nullptr;
  }

  std::set<std::pair<const Op*, int>> rules;  // for which input
  std::set<const Op*> computed;

 private:
  std::mutex mutex_;
};

class Applied : public internal::Mutation {
 public:
  explicit Applied(const Mutant& mutant) : mutant_(mutant) {}

  Var pulled_back(const Op& op, const Pullback& pullback, const Var& term) override {
    if (mutant_.kind == Mutant::Kind::perturbed || &op != mutant_.op || pullback.index != mutant_.input) return term;
    switch (mutant_.kind) {
      case Mutant::Kind::scaled: return term * 1.001;
      case Mutant::Kind::negated: return negate(term);
      case Mutant::Kind::zeroed: return where(false, term, 0.0);
      case Mutant::Kind::detached: return stop_gradient(term);
      case Mutant::Kind::perturbed: break;
    }
    return term;
  }
  const Op* applied_after(const Op& op) override {
    return mutant_.kind == Mutant::Kind::perturbed && &op == mutant_.op ? &perturb_op : nullptr;
  }

 private:
  Mutant mutant_;
};

/// `body` under a mutation, on a thread to which nothing has been recorded yet.
void under(internal::Mutation& mutation, const std::function<void()>& body) {
  internal::mutation = &mutation;
  try {
    on_new_thread(body);
  } catch (...) {
    internal::mutation = nullptr;
    throw;
  }
  internal::mutation = nullptr;
}

}  // namespace

std::string text_of(const Mutant& mutant) {
  constexpr const char* kinds[] = {"scaled", "negated", "zeroed", "detached"};
  if (mutant.kind == Mutant::Kind::perturbed)
    return fmt::format("the last element of {} is perturbed", mutant.op->name);
  return fmt::format("the gradient of {} by input {} is {}", mutant.op->name, mutant.input,
                     kinds[static_cast<int>(mutant.kind)]);
}

std::vector<Mutant> mutants_of(const std::string& op) {
  Observer first_order, second_order;
  const auto evaluate_all = [&](int order) {
    for (const Row* row : rows_of(op))
      for (const std::vector<Shape>& shapes : shapes_of(*row)) {
        const auto is_empty = [](const Shape& shape) { return shape.size() == 0; };
        if (std::any_of(shapes.begin(), shapes.end(), is_empty)) continue;  // of nothing, nothing can be wrong
        evaluate(*row, row->function, draw_inputs(*row, shapes), {.order = row->differences ? order : 0});
      }
  };
  under(first_order, [&] { evaluate_all(1); });
  under(second_order, [&] { evaluate_all(2); });
  std::vector<Mutant> mutants;
  for (const auto& [primitive, input] : second_order.rules) {
    for (const auto kind : {Mutant::Kind::scaled, Mutant::Kind::negated, Mutant::Kind::zeroed})
      mutants.push_back({kind, primitive, input});
    // A rule that is used at second order only would be wrong from the third on.
    if (first_order.rules.count({primitive, input}) == 1) mutants.push_back({Mutant::Kind::detached, primitive, input});
  }
  for (const Op* primitive : second_order.computed) mutants.push_back({Mutant::Kind::perturbed, primitive});
  return mutants;
}

std::string why_equivalent(const std::string& op, const Mutant& mutant) {
  enum Of : std::uint8_t { kernel, negated_rule, rule };  // a rule that is wrong in any way
  struct Reason {
    const char *op, *primitive;
    Of of;
    const char* why;
  };
  constexpr const char *any_shift = "any shift gives the same softmax",
                       *either_branch = "where nothing overflows, both branches are the same number",
                       *infinity = "it is compared with infinity, of which a thousandth more is the same",
                       *power_of_2 = "it chooses a power of 2, and scaling by any of these is exact",
                       *in_pairs = "the rule is applied twice along every path: two signs cancel",
                       *at_infinities = "the branch of equal infinities, which have no differences",
                       *numbering = "it numbers elements, and any numbers do that differ",
                       *last_pivot = "the last row is swapped with itself, and its number rounded down";
  static constexpr Reason reasons[] = {
      {"softmax", "max", kernel, any_shift},
      {"softmax", "stop_gradient", kernel, any_shift},
      {"logsumexp", "abs", kernel, infinity},
      {"softmax_cross_entropy", "abs", kernel, infinity},
      {"cosine_similarity", "abs", kernel, power_of_2},
      {"cosine_similarity", "max", kernel, power_of_2},
      {"cosine_similarity", "stop_gradient", kernel, power_of_2},
      {"standard_deviation", "abs", kernel, power_of_2},
      {"standard_deviation", "max", kernel, power_of_2},
      {"standard_deviation", "stop_gradient", kernel, power_of_2},
      {"norm", "stop_gradient", kernel, power_of_2},
      {"standard_deviation", "isfinite", kernel, either_branch},
      {"mean", "isfinite", kernel, either_branch},
      {"elu", "negate", negated_rule, in_pairs},
      {"selu", "negate", negated_rule, in_pairs},
      {"erfc", "negate", negated_rule, in_pairs},
      {"product", "reshape", negated_rule, in_pairs},
      {"scatter", "multiply", kernel, numbering},
      {"scatter_along_axis", "multiply", kernel, numbering},
      {"scatter_along_axis", "reshape", kernel, numbering},
      {"solve_triangular", "multiply", kernel, numbering},
      {"solve", "multiply", kernel, numbering},
      {"solve", "lu", kernel, last_pivot},
      {"inverse", "lu", kernel, last_pivot},
      {"log_determinant", "lu", kernel, last_pivot},
      {"roll", "reshape", negated_rule, in_pairs},
      {"repeat", "reshape", negated_rule, in_pairs},
      {"logaddexp", "where", rule, at_infinities},
      {"logaddexp", "clamp", rule, at_infinities},
      {"logaddexp", "is_inside", kernel, at_infinities},
  };
  for (const Reason& reason : reasons) {
    if (reason.op != op || std::string_view(reason.primitive) != mutant.op->name) continue;
    const bool of_kernel = mutant.kind == Mutant::Kind::perturbed;
    if (of_kernel != (reason.of == kernel)) continue;
    if (reason.of == negated_rule && mutant.kind != Mutant::Kind::negated) continue;
    return reason.why;
  }
  return "";
}

bool is_noticed(const std::string& op, const Mutant& mutant) {
  Applied applied(mutant);
  bool noticed = false;
  under(applied, [&] {
    for (const Row* row : rows_of(op)) {
      noticed = fails(*row);
      if (noticed) return;
    }
  });
  return noticed;
}

}  // namespace thalweg::op_table
