#include "tests/ops/table/mutation.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <set>

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
  struct Reason {
    std::string op, primitive, why;
    bool is_of_gradient = false;
  };
  static const Reason reasons[] = {
      {"softmax", "max", "any shift gives the same softmax"},
      {"softmax", "stop_gradient", "any shift gives the same softmax"},
      {"log_softmax", "abs", "it is only compared with infinity"},
      {"logsumexp", "abs", "it is only compared with infinity"},
      {"softmax_cross_entropy", "abs", "it is only compared with infinity"},
      {"cosine_similarity", "abs", "any scale gives the same length"},
      {"cosine_similarity", "max", "any scale gives the same length"},
      {"cosine_similarity", "stop_gradient", "any scale gives the same length"},
      {"cosine_similarity", "where", "any scale gives the same length"},
      {"dropout", "uniform", "it is only compared with the probability"},
      {"clamp", "minimum", "the row's bounds are in order: it takes its other operand", true},
      {"clamp", "maximum", "the row's bounds are in order: it takes its other operand", true},
      {"elu", "negate", "two negations in a row: their signs cancel", true},
      {"selu", "negate", "two negations in a row: their signs cancel", true},
      {"gelu", "negate", "two negations in a row: their signs cancel", true},
      {"erfc", "negate", "two negations in a row: their signs cancel", true},
      {"logaddexp", "where", "the branch of equal infinities, which have no differences", true},
      {"logaddexp", "clamp", "the branch of equal infinities, which have no differences", true},
      {"logaddexp", "clamp", "the branch of equal infinities, whose elements are not the last"},
      {"logaddexp", "is_inside", "the branch of equal infinities, whose elements are not the last"},
      {"logaddexp", "isinf", "the other condition of the branch does not hold"},
      {"logaddexp", "equal", "the other condition of the branch does not hold"},
  };
  for (const Reason& reason : reasons)
    if (reason.op == op && reason.primitive == mutant.op->name &&
        reason.is_of_gradient == (mutant.kind != Mutant::Kind::perturbed))
      return reason.why;
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
