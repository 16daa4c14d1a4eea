// Emits the operations of a run as machine code.

#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <algorithm>
#include <array>

#include "src/run/sweep_generator.hpp"

namespace thalweg::run {

namespace {

Predicate predicate_of(Primitive comparison) {
  switch (comparison) {
    case Primitive::not_equal: return Predicate::not_equal;
    case Primitive::less: return Predicate::less;
    case Primitive::less_equal: return Predicate::less_equal;
    case Primitive::greater: return Predicate::greater;
    case Primitive::greater_equal: return Predicate::greater_equal;
    default: return Predicate::equal;
  }
}

/// The first lanes of an operand.
struct Narrowed {
  Vector operator()(const Vector& x) const { return Vector(x.getIdx()); }
  Xbyak::Address operator()(const Xbyak::Address& x) const { return x; }
};

}  // namespace

/// Calls f with the value's register or, at its only use, with its memory operand.
template <class F>
void Generator::with_operand(int v, F f) {
  const auto& memory = value(v).memory;
  if (memory && value(v).uses == 1 && register_of(v) < 0 && !(is_partial_ && memory->is_ragged()))
    f(at(*memory));
  else
    f(in_register(v));
}

void Generator::write_operation(const Operation& operation) {
  switch (operation.meaning.kind) {
    // Loaded here, not at its first use: an operation in between may write the same memory.
    case Meaning::Kind::load: in_register(operation.operands[0]); return;
    case Meaning::Kind::load_splat: return write_load_splat(operation);
    case Meaning::Kind::store: return write_store(operation, in_register(operation.operands[0]));
    case Meaning::Kind::store_first:
      if (vector_ == 0) assembler_.store_first(at(operation.target), in_register(operation.operands[0]));
      return;
    case Meaning::Kind::accumulate: return write_accumulate(operation);
    default: return write_apply(operation);
  }
}

void Generator::write_load_splat(const Operation& operation) {
  const Vector to = result(operation);
  assembler_.load_splat(to, registers_.at(operation.target, 0), operation.meaning.dtype, code_.rax);
}

void Generator::write_store(const Operation& operation, const Vector& stored) {
  const Xbyak::Address to = at(operation.target);
  if (is_partial_ && operation.target.is_ragged())
    assembler_.store_tail(to, stored);
  else
    assembler_.move(to, stored);
}

void Generator::write_accumulate(const Operation& operation) {
  const Vector added = in_register(operation.operands[0]);
  const bool is_carried = registers_.carried(operation_) >= 0;
  const Vector sum = is_carried ? carried_sum(operation_) : assembler_.vector(take());
  if (!is_carried) assembler_.move(sum, registers_.at_sum(operation.target, vector_));
  if (is_partial_) {  // stores whole vectors, since reading back a masked store would stall
    const Vector all = assembler_.vector(take());
    reducer_.reduce(all, operation.meaning.reduction, sum, added);
    assembler_.move_tail(sum, all);
    free_.push_back(all.getIdx());
  } else {
    reducer_.reduce(sum, operation.meaning.reduction, sum, added);
  }
  if (is_carried) return;
  assembler_.move(registers_.at_sum(operation.target, vector_), sum);
  free_.push_back(sum.getIdx());
}

void Generator::write_apply(const Operation& operation) {
  const int a = operation.operands[0], b = operation.operands[1];
  const auto binary = [&](auto instruction) {
    const Vector x = in_register(a);
    with_operand(b, [&](const auto& y) { (assembler_.*instruction)(result(operation), x, y); });
  };
  switch (operation.meaning.primitive) {
    case Primitive::add: return binary(&VectorAssembler::add);
    case Primitive::subtract: return binary(&VectorAssembler::subtract);
    case Primitive::multiply: return binary(&VectorAssembler::multiply);
    case Primitive::divide: {
      const Vector x = in_register(a);
      return with_operand(b, [&](const auto& y) {
        write_slow(operation, [&](const Vector& to, auto of) { assembler_.divide(to, of(x), of(y)); });
      });
    }
    case Primitive::sqrt:
      return with_operand(a, [&](const auto& x) {
        write_slow(operation, [&](const Vector& to, auto of) { assembler_.sqrt(to, of(x)); });
      });
    case Primitive::negate:
      return with_operand(a, [&](const auto& x) {
        assembler_.bitwise_xor(result(operation), registers_.constant(Constant::sign_bit), x);
      });
    case Primitive::absolute:
      return with_operand(a, [&](const auto& x) {
        assembler_.bitwise_and(result(operation), registers_.constant(Constant::all_but_sign), x);
      });
    case Primitive::square: {
      const Vector x = in_register(a);
      return assembler_.multiply(result(operation), x, x);
    }
    case Primitive::sign: return write_sign(operation);
    case Primitive::exp: return write_exponential(operation);
    case Primitive::expm1: return write_function(operation, &VectorFunctions::expm1);
    case Primitive::tanh: return write_function(operation, &VectorFunctions::tanh);
    case Primitive::sigmoid: return write_function(operation, &VectorFunctions::sigmoid);
    case Primitive::log: return write_function(operation, &VectorFunctions::log);
    case Primitive::log1p: return write_function(operation, &VectorFunctions::log1p);
    case Primitive::erfc: return write_function(operation, &VectorFunctions::erfc);
    case Primitive::sin:
    case Primitive::cos: return write_wave(operation);
    case Primitive::chain: return write_chain(operation);
    case Primitive::equal:
    case Primitive::not_equal:
    case Primitive::less:
    case Primitive::less_equal:
    case Primitive::greater:
    case Primitive::greater_equal: return write_comparison(operation);
    case Primitive::relu: return write_relu(operation);
    case Primitive::relu_gradient: return write_relu_gradient(operation);
    case Primitive::tanh_gradient: return write_tanh_gradient(operation);
    case Primitive::where: return write_where(operation);
    case Primitive::maximum:
    case Primitive::minimum: {
      const Vector x = in_register(a), y = in_register(b);
      const Vector to = result(operation);
      reducer_.extreme(to, x, y, operation.meaning.primitive == Primitive::maximum);
      return assembler_.move_where(to, assembler_.temporary_mask(), x);
    }
    case Primitive::none: break;
  }
}

/// Calls f(result, operands) for an operation that takes several times as long in a wide vector: what all lanes have in
/// common is computed in a narrow one.
template <class F>
void Generator::write_slow(const Operation& operation, F f) {
  const Vector to = result(operation);
  if (!is_shared(operation.result)) return f(to, [](const auto& operand) { return operand; });
  const Vector narrow(to.getIdx());
  f(narrow, Narrowed());
  assembler_.broadcast(to, narrow);
}

void Generator::write_chain(const Operation& operation) {
  const int v = operation.operands[0];
  const Vector gradient = in_register(v);
  const int known = registers_.nonzero_mask(v);
  const Mask is_nonzero = known >= 0 ? Mask{known} : assembler_.temporary_mask();
  with_operand(operation.operands[1], [&](const auto& derivative) {  // whose load may clobber the temporary mask
    if (known < 0) assembler_.compare(is_nonzero, gradient, registers_.constant(Constant::zero), Predicate::not_equal);
    assembler_.multiply_where(result(operation), is_nonzero, gradient, derivative);
  });
}

void Generator::write_comparison(const Operation& operation) {
  const Predicate predicate = predicate_of(operation.meaning.primitive);
  const Vector x = in_register(operation.operands[0]);
  with_operand(operation.operands[1], [&](const auto& y) {
    const bool stays = registers_.is_mask(operation.result);
    if (stays) set_register(operation.result, take_mask());
    const Mask mask = stays ? Mask{register_of(operation.result)} : assembler_.temporary_mask();
    assembler_.compare(mask, x, y, predicate);
    if (!stays) assembler_.move_or_clear(result(operation), mask, registers_.constant(Constant::one));
  });
}

void Generator::write_where(const Operation& operation) {
  const int condition = operation.operands[0];
  const bool has_mask = registers_.is_mask(condition);
  const Vector otherwise = in_register(operation.operands[2]);
  const Vector number = has_mask ? Vector() : in_register(condition);
  with_operand(operation.operands[1], [&](const auto& x) {
    const Mask mask = has_mask ? Mask{register_of(condition)} : assembler_.temporary_mask();
    if (!has_mask) assembler_.compare(mask, number, registers_.constant(Constant::zero), Predicate::not_equal);
    assembler_.blend(result(operation), mask, otherwise, x);
  });
}

/// Keeps NaN, which is not less or equal.
void Generator::write_relu(const Operation& operation) {
  const Vector x = in_register(operation.operands[0]);
  assembler_.compare(assembler_.temporary_mask(), x, registers_.constant(Constant::zero), Predicate::not_less_equal);
  assembler_.move_or_clear(result(operation), assembler_.temporary_mask(), x);
}

void Generator::write_relu_gradient(const Operation& operation) {
  const Vector y = in_register(operation.operands[1]), gradient = in_register(operation.operands[0]);
  assembler_.compare(assembler_.temporary_mask(), y, registers_.constant(Constant::zero), Predicate::greater);
  assembler_.move_or_clear(result(operation), assembler_.temporary_mask(), gradient);
}

/// gradient · (1 − y²), but a gradient of 0 stays 0.
void Generator::write_tanh_gradient(const Operation& operation) {
  const Vector gradient = in_register(operation.operands[0]), y = in_register(operation.operands[1]);
  const Vector to = result(operation), derivative = assembler_.vector(take());
  assembler_.compare(assembler_.temporary_mask(), gradient, registers_.constant(Constant::zero), Predicate::not_equal);
  assembler_.multiply(derivative, y, y);
  assembler_.subtract(derivative, registers_.constant(Constant::one), derivative);
  assembler_.multiply_where(to, assembler_.temporary_mask(), gradient, derivative);
  free_.push_back(derivative.getIdx());
}

/// Keeps 0 and NaN.
void Generator::write_sign(const Operation& operation) {
  const Vector x = in_register(operation.operands[0]), to = result(operation);
  assembler_.compare(assembler_.temporary_mask(), x, registers_.constant(Constant::zero), Predicate::less_or_greater);
  assembler_.bitwise_and(to, registers_.constant(Constant::sign_bit), x);
  assembler_.bitwise_or(to, registers_.constant(Constant::one), to);
  assembler_.blend(to, assembler_.temporary_mask(), x, to);
}

template <std::size_t n>
std::array<Vector, n> Generator::take_some() {
  std::array<Vector, n> taken;
  for (Vector& each : taken) each = assembler_.vector(take());
  return taken;
}
template <std::size_t n>
void Generator::give_back(const std::array<Vector, n>& registers) {
  for (const Vector& each : registers) free_.push_back(each.getIdx());
}

void Generator::write_exponential(const Operation& operation) {
  with_operand(operation.operands[0], [&](const auto& x) {
    const Vector to = result(operation);
    const auto free = take_some<4>();
    functions_.exponential(to, x, free);
    give_back(free);
  });
}

template <std::size_t n>
void Generator::write_function(const Operation& operation,
                               void (VectorFunctions::*function)(const Vector& to, const Vector& x,
                                                                 const std::array<Vector, n>& free)) {
  const Vector x = in_register(operation.operands[0]), to = result(operation);
  const auto free = take_some<n>();
  (functions_.*function)(to, x, free);
  give_back(free);
}

/// A later cosine of the same argument as this sine, or vice versa; null if there is none.
const Operation* Generator::other_wave(const Operation& operation) const {
  const Primitive other = operation.meaning.primitive == Primitive::sin ? Primitive::cos : Primitive::sin;
  const auto is_other = [&](const Operation& each) {
    return each.meaning.kind == Meaning::Kind::apply && each.meaning.primitive == other &&
           each.operands[0] == operation.operands[0];
  };
  const auto found = std::find_if(run_->operations.begin() + operation_, run_->operations.end(), is_other);
  return found == run_->operations.end() ? nullptr : &*found;
}

void Generator::write_wave(const Operation& operation) {
  if (register_of(operation.result) >= 0) return;  // already computed with the other one
  const Vector x = in_register(operation.operands[0]), to = result(operation);
  const Operation* other = other_wave(operation);
  const Vector of_other = other != nullptr ? result(*other) : assembler_.vector(take());
  const bool is_sine = operation.meaning.primitive == Primitive::sin;
  Call& call = calls_.emplace_back();
  call.x = x;
  call.results.push_back({to, operation.meaning.one_vector});
  if (other != nullptr) call.results.push_back({of_other, other->meaning.one_vector});
  functions_.unless_near(x, to, call.begin);
  const auto free = take_some<4>();
  functions_.sine_and_cosine(is_sine ? to : of_other, is_sine ? of_other : to, x, free);
  code_.L(call.end);
  give_back(free);
  if (other == nullptr) free_.push_back(of_other.getIdx());
}

/// Emits the calls for rare arguments: argument and result vectors are on the stack.
void Generator::write_calls() {
  if (calls_.empty()) return;
  const int bytes = assembler_.vector_bytes();
  Xbyak::Label call_of_rax;
  for (Call& call : calls_) {
    code_.L(call.begin);
    code_.sub(code_.rsp, 2 * bytes);
    assembler_.move(code_.ptr[code_.rsp], call.x);
    for (const Call::Result& result : call.results) {
      code_.mov(code_.rax, reinterpret_cast<std::size_t>(result.function));
      code_.call(call_of_rax);
      assembler_.move(result.to, code_.ptr[code_.rsp + bytes]);
    }
    code_.add(code_.rsp, 2 * bytes);
    code_.jmp(call.end, Xbyak::CodeGenerator::T_NEAR);
  }
  code_.L(call_of_rax);
  write_call_of_rax();
  calls_.clear();
}

/// Resolves the labels of a run that was abandoned as too long.
void Generator::drop_calls() {
  for (Call& call : calls_) code_.L(call.begin);
  calls_.clear();
}

/// Emits a subroutine that calls the function in rax on the two vectors on top of the stack, and preserves all
/// registers except rax.
void Generator::write_call_of_rax() {
  const int bytes = assembler_.vector_bytes(), vectors = assembler_.register_count();
  const int masks = assembler_.is_avx512() ? 8 : 0;
  const std::array saved = {code_.rcx, code_.rdx, code_.rsi, code_.rdi, code_.r8, code_.r9, code_.r10, code_.r11};
  code_.push(code_.rbp);
  code_.mov(code_.rbp, code_.rsp);
  for (const Reg64& each : saved) code_.push(each);
  code_.lea(code_.rdi, code_.ptr[code_.rbp + 2 * static_cast<int>(sizeof(void*))]);
  code_.lea(code_.rsi, code_.ptr[code_.rdi + bytes]);
  code_.sub(code_.rsp, (vectors + 1) * bytes);
  code_.and_(code_.rsp, -bytes);
  for (int i = 0; i < vectors; ++i) assembler_.move(code_.ptr[code_.rsp + (i + 1) * bytes], assembler_.vector(i));
  for (int i = 1; i < masks; ++i)
    code_.kmovw(code_.ptr[code_.rsp + i * static_cast<int>(sizeof(void*))], Xbyak::Opmask(i));
  code_.call(code_.rax);
  for (int i = 1; i < masks; ++i)
    code_.kmovw(Xbyak::Opmask(i), code_.ptr[code_.rsp + i * static_cast<int>(sizeof(void*))]);
  for (int i = 0; i < vectors; ++i) assembler_.move(assembler_.vector(i), code_.ptr[code_.rsp + (i + 1) * bytes]);
  code_.lea(code_.rsp, code_.ptr[code_.rbp - static_cast<int>(sizeof(void*) * saved.size())]);
  for (std::size_t i = saved.size(); i-- > 0;) code_.pop(saved[i]);
  code_.pop(code_.rbp);
  code_.ret();
}

}  // namespace thalweg::run

#endif
