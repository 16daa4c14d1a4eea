#include "src/run/sweep_generate.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "src/run/sweep_runs.hpp"

#if defined(__x86_64__) && !THALWEG_ACCUMULATOR_IN_MEMORY && __has_include(<xbyak/xbyak.h>)
#define XBYAK_NO_OP_NAMES
#include <xbyak/xbyak.h>
#define THALWEG_GENERATES_CODE 1
#else
#define THALWEG_GENERATES_CODE 0
#endif

namespace thalweg::run {

std::int64_t& generated_elements() {
  static std::int64_t least = least_generated_elements;
  return least;
}

#if THALWEG_GENERATES_CODE

namespace {

/// Comparison predicates of vcmpps.
enum Predicate : std::uint8_t {
  equal = 0,
  unordered = 3,
  not_equal = 4,
  less = 17,
  greater_equal = 29,
  less_equal = 18,
  greater = 30
};

/// Registers are short: the run has to end earlier, before this operation.
struct TooLong {
  int operation;
};

/// Writes runs as machine code.
class Generator {
 public:
  Generator(Xbyak::CodeGenerator& code, bool is_double) : code_(code), is_double_(is_double) {}

  /// The offset of the code in the generator's. May throw TooLong, with nothing written that counts.
  std::size_t write(const Run& run) {
    run_ = &run;
    code_.align(16);
    const std::size_t entry = code_.getSize();
    choose_registers();
    push_saved();
    load_hoisted();
    load_pointers();
    for (int vector = 0; vector < wide_vectors; ++vector) write_vector(vector);
    pop_saved();
    code_.add(code_.rdi, (run.end - run.begin) * static_cast<int>(sizeof(Instruction)));
    code_.jmp(code_.ptr[code_.rdi + offsetof(Instruction, handler)]);
    return entry;
  }

 private:
  using Zmm = Xbyak::Zmm;

  enum class Constant : std::uint8_t { zero, one, minus_one, sign_bit, all_but_sign, count };
  static constexpr int first_free = wide_vectors;  // zmm0 to zmm7 are the accumulator
  static constexpr int registers = 32;
  static constexpr int most_hoisted = 12;

  Xbyak::CodeGenerator& code_;
  bool is_double_;
  const Run* run_ = nullptr;

  std::array<int, static_cast<std::size_t>(Constant::count)> constants_{};  // registers; −1: not used
  std::vector<int> hoisted_;                                                // by value: a register, or −1
  struct Pointer {
    Memory memory;
    int instruction, which;
  };
  std::vector<Pointer> pointers_;
  int pool_end_ = registers;

  // Of one vector.
  std::vector<int> register_of_;  // by value
  std::vector<int> free_;
  int vector_ = 0, operation_ = 0;

  const Value& value(int v) const { return run_->values[static_cast<std::size_t>(v)]; }

  // --- registers ---

  void choose_registers() {
    constants_.fill(-1);
    pointers_.clear();
    pool_end_ = registers;
    for (const Operation& operation : run_->operations) note_constants(operation);
    hoisted_.assign(run_->values.size(), -1);
    int count = 0;
    for (std::size_t v = 0; v < run_->values.size(); ++v) {
      const Value& candidate = run_->values[v];
      if (candidate.uses == 0 || !candidate.memory) continue;
      if (candidate.memory->is_splat() && count < most_hoisted) {
        hoisted_[v] = --pool_end_;
        ++count;
      } else {
        add_pointer(*candidate.memory, candidate.instruction, candidate.which, candidate.last_use);
      }
    }
    for (std::size_t k = 0; k < run_->operations.size(); ++k) {
      const Operation& operation = run_->operations[k];
      const bool writes = operation.step.kind == Step::Kind::store || operation.step.kind == Step::Kind::accumulate;
      if (writes && !operation.dropped) add_pointer(operation.target, operation.instruction, 0, static_cast<int>(k));
    }
  }

  void need(Constant constant) {
    int& place = constants_[static_cast<std::size_t>(constant)];
    if (place < 0) place = --pool_end_;
  }
  void note_constants(const Operation& operation) {
    if (operation.step.kind != Step::Kind::apply) return;
    switch (operation.step.primitive) {
      case Primitive::negate: need(Constant::sign_bit); break;
      case Primitive::absolute: need(Constant::all_but_sign); break;
      case Primitive::chain:
      case Primitive::where: need(Constant::zero); break;
      case Primitive::equal: need(Constant::one); break;
      case Primitive::sign: need(Constant::zero), need(Constant::one), need(Constant::minus_one); break;
      default: break;
    }
  }

  /// Operands that differ by a constant share a pointer.
  static bool share_pointer(const Memory& a, const Memory& b) {
    if (a == b) return true;
    return !a.in_buffer() && !b.in_buffer() && a.in_scratch() && a.address == b.address;
  }
  void add_pointer(const Memory& memory, int instruction, int which, int operation) {
    if (std::any_of(pointers_.begin(), pointers_.end(),
                    [&](const Pointer& p) { return share_pointer(p.memory, memory); }))
      return;
    if (pointers_.size() == general_registers.size()) throw TooLong{operation};
    pointers_.push_back({memory, instruction, which});
  }

  // In this order; from rbx on they belong to the caller.
  static constexpr std::array<int, 13> general_registers = {
      Xbyak::Operand::RAX, Xbyak::Operand::RCX, Xbyak::Operand::RDX, Xbyak::Operand::R8,  Xbyak::Operand::R9,
      Xbyak::Operand::R10, Xbyak::Operand::R11, Xbyak::Operand::RBX, Xbyak::Operand::RBP, Xbyak::Operand::R12,
      Xbyak::Operand::R13, Xbyak::Operand::R14, Xbyak::Operand::R15};
  static constexpr std::size_t scratch_registers = 7;
  static Xbyak::Reg64 general(std::size_t i) { return Xbyak::Reg64(general_registers[i]); }

  void push_saved() {
    for (std::size_t i = scratch_registers; i < pointers_.size(); ++i) code_.push(general(i));
  }
  void pop_saved() {
    for (std::size_t i = pointers_.size(); i-- > scratch_registers;) code_.pop(general(i));
  }

  void load_pointer(const Xbyak::Reg64& to, const Memory& memory, int instruction, int which) {
    const int offset =
        static_cast<int>(offsetof(State, position) + offsetof(Position, offset)) + 8 * static_cast<int>(memory.address);
    if (!memory.in_buffer() && memory.in_scratch()) return code_.mov(to, code_.ptr[code_.rsi + offset]);
    const int base = (instruction - run_->begin) * static_cast<int>(sizeof(Instruction)) +
                     static_cast<int>(offsetof(Instruction, base)) + 8 * which;
    code_.mov(to, code_.ptr[code_.rdi + base]);
    if (memory.address != Address::fixed) code_.add(to, code_.ptr[code_.rsi + offset]);
  }
  void load_pointers() {
    for (std::size_t i = 0; i < pointers_.size(); ++i)
      load_pointer(general(i), pointers_[i].memory, pointers_[i].instruction, pointers_[i].which);
  }
  static int displacement(const Memory& memory) {
    return !memory.in_buffer() && memory.in_scratch() ? static_cast<int>(memory.base) : 0;
  }
  Xbyak::Address at(const Memory& memory) const {
    const auto pointer = std::find_if(pointers_.begin(), pointers_.end(),
                                      [&](const Pointer& p) { return share_pointer(p.memory, memory); });
    return code_.ptr[general(static_cast<std::size_t>(pointer - pointers_.begin())) +
                     (displacement(memory) + vector_ * static_cast<int>(max_vector_bytes))];
  }

  void load_hoisted() {
    for (std::size_t v = 0; v < hoisted_.size(); ++v) {
      if (hoisted_[v] < 0) continue;
      const Value& splat = run_->values[v];
      load_pointer(code_.rax, *splat.memory, splat.instruction, splat.which);
      move(Zmm(hoisted_[v]), code_.ptr[code_.rax + displacement(*splat.memory)]);
    }
    for (std::size_t c = 0; c < constants_.size(); ++c)
      if (constants_[c] >= 0) load_constant(static_cast<Constant>(c), Zmm(constants_[c]));
  }
  void load_constant(Constant constant, const Zmm& to) {
    if (constant == Constant::zero) return code_.vpxord(to, to, to);
    static constexpr std::uint32_t singles[] = {0, 0x3f800000U, 0xbf800000U, 0x80000000U, 0x7fffffffU};
    static constexpr std::uint64_t doubles[] = {0, 0x3ff0000000000000U, 0xbff0000000000000U, 0x8000000000000000U,
                                                0x7fffffffffffffffU};
    const auto index = static_cast<std::size_t>(constant);
    if (is_double_) {
      code_.mov(code_.rax, doubles[index]);
      code_.vpbroadcastq(to, code_.rax);
    } else {
      code_.mov(code_.eax, singles[index]);
      code_.vpbroadcastd(to, code_.eax);
    }
  }
  Zmm constant(Constant c) const { return Zmm(constants_[static_cast<std::size_t>(c)]); }

  // --- one vector ---

  void write_vector(int vector) {
    vector_ = vector;
    register_of_ = hoisted_;
    free_.clear();
    for (int r = first_free; r < pool_end_; ++r) free_.push_back(r);
    if (value(incoming).uses > 0) {
      register_of_[incoming] = vector;
    } else {
      free_.push_back(vector);
    }
    const auto count = static_cast<int>(run_->operations.size());
    for (operation_ = 0; operation_ < count; ++operation_) {
      const Operation& operation = run_->operations[static_cast<std::size_t>(operation_)];
      if (operation.dropped) continue;
      write_operation(operation);
      for (const int v : operation.operands)
        if (v >= 0) release(v);
      if (operation.result >= 0 && value(operation.result).uses == 0) release_register(operation.result);
    }
    if (value(run_->outgoing).last_use < count) return;
    const int at_end = register_of_[static_cast<std::size_t>(run_->outgoing)];
    if (at_end < 0)
      move(Zmm(vector), at(*value(run_->outgoing).memory));
    else if (at_end != vector)
      move(Zmm(vector), Zmm(at_end));
  }

  int take() {
    if (free_.empty()) throw TooLong{operation_};
    const int r = free_.back();
    free_.pop_back();
    return r;
  }
  void release(int v) {
    if (value(v).last_use == operation_) release_register(v);
  }
  void release_register(int v) {
    int& r = register_of_[static_cast<std::size_t>(v)];
    if (r >= 0 && r < pool_end_) free_.push_back(std::exchange(r, -1));
  }
  Zmm result(const Operation& operation) {
    int& r = register_of_[static_cast<std::size_t>(operation.result)];
    r = take();
    return Zmm(r);
  }
  /// In a register; from memory where this is the first use.
  Zmm in_register(int v) {
    int& r = register_of_[static_cast<std::size_t>(v)];
    if (r < 0) {
      r = take();
      move(Zmm(r), at(*value(v).memory));
    }
    return Zmm(r);
  }
  /// Calls f with a register, or with memory that nothing else reads.
  template <class F>
  void with_operand(int v, F f) {
    const bool once = value(v).uses == 1 && register_of_[static_cast<std::size_t>(v)] < 0;
    if (once)
      f(at(*value(v).memory));
    else
      f(in_register(v));
  }

  void write_operation(const Operation& operation) {
    switch (operation.step.kind) {
      // Here, not at its first use: what comes between may write the same memory.
      case Step::Kind::load: in_register(operation.operands[0]); return;
      case Step::Kind::store: return move(at(operation.target), in_register(operation.operands[0]));
      case Step::Kind::accumulate: return write_accumulate(operation);
      default: return write_apply(operation);
    }
  }

  void write_accumulate(const Operation& operation) {
    const Zmm added = in_register(operation.operands[0]);
    const int r = take();
    const Zmm sum(r);
    move(sum, at(operation.target));
    switch (operation.step.reduction) {
      case Reduction::sum: add(sum, sum, added); break;
      case Reduction::product: multiply(sum, sum, added); break;
      default:
        // The first stays where it is NaN, or no less (no more) than the second.
        compare(code_.k1, sum, added, operation.step.reduction == Reduction::maximum ? greater_equal : less_equal);
        compare(code_.k2, sum, sum, unordered);
        code_.korw(code_.k1, code_.k1, code_.k2);
        blend(sum | code_.k1, added, sum);
    }
    move(at(operation.target), sum);
    free_.push_back(r);
  }

  void write_apply(const Operation& operation) {
    const int a = operation.operands[0], b = operation.operands[1];
    const auto binary = [&](auto instruction) {
      const Zmm x = in_register(a);
      with_operand(b, [&](const auto& y) { instruction(result(operation), x, y); });
    };
    const auto unary = [&](auto instruction) {
      with_operand(a, [&](const auto& x) { instruction(result(operation), x); });
    };
    switch (operation.step.primitive) {
      case Primitive::add: return binary([&](const Zmm& to, const Zmm& x, const auto& y) { add(to, x, y); });
      case Primitive::subtract: return binary([&](const Zmm& to, const Zmm& x, const auto& y) { subtract(to, x, y); });
      case Primitive::multiply: return binary([&](const Zmm& to, const Zmm& x, const auto& y) { multiply(to, x, y); });
      case Primitive::divide: return binary([&](const Zmm& to, const Zmm& x, const auto& y) { divide(to, x, y); });
      case Primitive::sqrt:
        return unary([&](const Zmm& to, const auto& x) { is_double_ ? code_.vsqrtpd(to, x) : code_.vsqrtps(to, x); });
      case Primitive::negate:
        return unary([&](const Zmm& to, const auto& x) { code_.vpxord(to, constant(Constant::sign_bit), x); });
      case Primitive::absolute:
        return unary([&](const Zmm& to, const auto& x) { code_.vpandd(to, constant(Constant::all_but_sign), x); });
      case Primitive::square: {
        const Zmm x = in_register(a);
        return multiply(result(operation), x, x);
      }
      case Primitive::sign: return write_sign(operation);
      case Primitive::chain: {
        const Zmm gradient = in_register(a);
        compare(code_.k1, gradient, constant(Constant::zero), equal);
        return with_operand(b, [&](const auto& derivative) {
          const Zmm to = result(operation);
          multiply(to, gradient, derivative);
          blend(to | code_.k1, to, gradient);
        });
      }
      case Primitive::equal:
        compare(code_.k1, in_register(a), in_register(b), equal);
        return move(result(operation) | code_.k1 | code_.T_z, constant(Constant::one));
      case Primitive::where: {
        compare(code_.k1, in_register(a), constant(Constant::zero), not_equal);
        const Zmm otherwise = in_register(operation.operands[2]);
        return with_operand(b, [&](const auto& x) { blend(result(operation) | code_.k1, otherwise, x); });
      }
      case Primitive::maximum: return write_extremum(operation, greater);
      case Primitive::minimum: return write_extremum(operation, less);
      case Primitive::none: break;
    }
  }

  void write_sign(const Operation& operation) {
    const Zmm x = in_register(operation.operands[0]), to = result(operation);
    compare(code_.k1, x, constant(Constant::zero), less);
    compare(code_.k2, x, constant(Constant::zero), greater);
    blend(to | code_.k1, x, constant(Constant::minus_one));
    blend(to | code_.k2, to, constant(Constant::one));
  }

  /// The first where it is NaN or the larger (smaller), else the second.
  void write_extremum(const Operation& operation, Predicate predicate) {
    const Zmm x = in_register(operation.operands[0]), y = in_register(operation.operands[1]);
    compare(code_.k1, x, y, predicate);
    compare(code_.k2, x, x, unordered);
    code_.korw(code_.k1, code_.k1, code_.k2);
    blend(result(operation) | code_.k1, y, x);
  }

  // --- instructions of either dtype ---

  void move(const Zmm& to, const Xbyak::Operand& from) {
    is_double_ ? code_.vmovupd(to, from) : code_.vmovups(to, from);
  }
  void move(const Xbyak::Address& to, const Zmm& from) { code_.vmovups(to, from); }
  void add(const Zmm& to, const Zmm& a, const Xbyak::Operand& b) {
    is_double_ ? code_.vaddpd(to, a, b) : code_.vaddps(to, a, b);
  }
  void subtract(const Zmm& to, const Zmm& a, const Xbyak::Operand& b) {
    is_double_ ? code_.vsubpd(to, a, b) : code_.vsubps(to, a, b);
  }
  void multiply(const Zmm& to, const Zmm& a, const Xbyak::Operand& b) {
    is_double_ ? code_.vmulpd(to, a, b) : code_.vmulps(to, a, b);
  }
  void divide(const Zmm& to, const Zmm& a, const Xbyak::Operand& b) {
    is_double_ ? code_.vdivpd(to, a, b) : code_.vdivps(to, a, b);
  }
  void compare(const Xbyak::Opmask& to, const Zmm& a, const Zmm& b, Predicate predicate) {
    is_double_ ? code_.vcmppd(to, a, b, predicate) : code_.vcmpps(to, a, b, predicate);
  }
  /// to = its mask ? yes : no
  void blend(const Zmm& to, const Zmm& no, const Xbyak::Operand& yes) {
    is_double_ ? code_.vblendmpd(to, no, yes) : code_.vblendmps(to, no, yes);
  }
};

/// The runs of one program: from an instruction to the next that is opaque, in parts where registers are short.
class Joiner {
 public:
  Joiner(SweepDraft& program, Xbyak::CodeGenerator& code)
      : program_(program), reader_(program), generator_(code, program.dtype == DType::f64) {}

  struct Joined {
    int begin, end;
    std::size_t entry;
  };
  const std::vector<Joined>& joined() const { return joined_; }

  void join(int first) {
    for (int i = first; !reader_.is_end(i);) {
      int end = i;
      while (!reader_.is_end(end) && reader_.step(end).kind != Step::Kind::opaque) ++end;
      i = end - i < 2 ? end + (reader_.is_end(end) ? 0 : 1) : join_run(i, end);
    }
  }

 private:
  SweepDraft& program_;
  RunReader reader_;
  Generator generator_;
  std::vector<Joined> joined_;

  /// Returns the first instruction after what was joined.
  int join_run(int begin, int end) {
    while (end - begin >= 2) {
      const Run run = reader_.read(begin, end);
      try {
        joined_.push_back({begin, end, generator_.write(run)});
        return end;
      } catch (const TooLong& at) {
        const auto k = static_cast<std::size_t>(at.operation);
        end = std::min(end - 1, k < run.operations.size() ? run.operations[k].instruction : end);
      }
    }
    return begin + 1;
  }
};

}  // namespace

bool generates_code() { return machine(DType::f32).lanes * sizeof(float) == max_vector_bytes; }

void generate(SweepDraft& program, std::span<const std::int32_t> firsts) {
  const bool has_vectors =
      static_cast<std::size_t>(program.machine->lanes) * size_of(program.dtype) == max_vector_bytes;
  if (!has_vectors || !is_floating(program.dtype) || program.geometry.elements() < generated_elements()) return;
  try {
    auto code = std::make_shared<Xbyak::CodeGenerator>(std::size_t{4096}, Xbyak::AutoGrow);
    Joiner joiner(program, *code);
    for (const std::int32_t first : firsts) joiner.join(first);
    code->readyRE();
    for (const auto& [begin, end, entry] : joiner.joined()) {
      auto* const address = const_cast<std::uint8_t*>(code->getCode()) + entry;
      program.instructions[static_cast<std::size_t>(begin)].handler = reinterpret_cast<Handler>(address);
      for (int i = begin + 1; i < end; ++i) program.notes[static_cast<std::size_t>(i)].joined = true;
    }
    if (!joiner.joined().empty()) program.code = std::move(code);
  } catch (const Xbyak::Error&) {  // no memory that may be executed: the handlers stay
  }
}

#else

bool generates_code() { return false; }
void generate(SweepDraft&, std::span<const std::int32_t>) {}

#endif

}  // namespace thalweg::run
