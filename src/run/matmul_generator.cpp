#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "src/run/matmul_blocking.hpp"
#include "src/run/matmul_generator.hpp"

namespace thalweg::run {

namespace {

// Registers: the argument, the block's first row of each matrix, and counters. All are caller-saved.
const Xbyak::Reg64 memory(Xbyak::Operand::RDX);  // the third argument of PreparedMatmul::Run
const Xbyak::Reg64 matrix_a(Xbyak::Operand::RAX), matrix_b(Xbyak::Operand::RCX), matrix_c(Xbyak::Operand::R8),
    start(Xbyak::Operand::R9), bias(Xbyak::Operand::R10), activated(Xbyak::Operand::R11);
const Xbyak::Reg64 rows_left(Xbyak::Operand::RDI), steps_left(Xbyak::Operand::RSI);
const Xbyak::Opmask condition(1), of_last(2), of_rest(3);

constexpr int most_rows = 8, most_vectors = 3;  // of a block's sums
constexpr int first_turned = 16;                // the registers of a transposed square
constexpr int chains = 4;                       // the sums of a single row; see compute_row
constexpr int sums_of_dot = 16;                 // see multiply_dot
// Limits of unrolled code, so as not to fill the instruction cache.
constexpr std::int64_t most_panels = 4, most_steps_of_row = 256, most_products_in_line = 128;

/// Whether 31-bit displacements reach from the first element to the last.
bool is_near(std::int64_t rows, std::int64_t ld) {
  constexpr std::int64_t most = std::int64_t{1} << 27;  // of 8 bytes
  return ld < most && rows * ld < most;
}

bool is_function(Activation activation) { return activation == Activation::tanh || activation == Activation::sigmoid; }

Xbyak::Zmm whole(const Xbyak::Xmm& part) { return Xbyak::Zmm(part.getIdx()); }

}  // namespace

bool ProductGenerator::writes(const ProductForm& form) {
  const MatmulLayout layout = layout_of(form);
  const auto [m, n, k] = std::array{layout.m, layout.n, layout.k};
  if (form.precision != Precision::highest || m <= 0 || n <= 0 || k <= 0) return false;
  if (m * n * k > most_generated_work) return false;
  if (may_skip_zeros(m, n, k, layout.a_step != 1, layout.transpose_b, size_of(form.dtype))) return false;
  for (const std::int64_t ld : {form.lda, form.ldb, form.ldc, form.bias_stride})
    if (!is_near(std::max({m, n, k}), ld)) return false;

  const std::int64_t lanes = 64 / static_cast<std::int64_t>(size_of(form.dtype));
  if (m == 1 && k > most_steps_of_row) return false;
  if (m == 1 && n == 1) return layout.a_step == 1 && (layout.transpose_b || layout.ldb == 1);
  if (!layout.transpose_b) return n <= most_panels * most_vectors * lanes;
  if (m == 1) return layout.a_step == 1 && k <= row_stretch && n <= most_panels * lanes;
  return n <= lanes && k <= lanes;
}

void ProductGenerator::write() {
  if (layout_.m == 1 && layout_.n == 1) {
    load_pointers();
    write_dot();
  } else {
    const int most = layout_.transpose_b ? 1 : most_vectors;
    const auto vectors = static_cast<int>((layout_.n + lanes() - 1) / lanes());
    const int panels = (vectors + most - 1) / most;
    for (int i = 0; i < panels; ++i) {
      const int first = i * vectors / panels, end = (i + 1) * vectors / panels;
      const std::int64_t columns = std::min<std::int64_t>(layout_.n, end * lanes()) - first * lanes();
      write_panel({first * lanes(), end - first, static_cast<int>(columns - (end - first - 1) * lanes())});
    }
  }
  code_.vzeroupper();
  code_.ret();
  assembler_.write_literals();
}

void ProductGenerator::write_panel(const Panel& panel) {
  panel_ = panel;
  load_pointers();
  if (is_masked(panel_.vectors - 1)) load_mask(of_last, panel_.last);
  if (layout_.m == 1) return layout_.transpose_b ? write_row_across() : write_row();
  is_turned_ = layout_.transpose_b;
  if (is_turned_) turn_square();
  // As evenly as possible, larger ones first.
  const std::int64_t blocks = (layout_.m + most_rows - 1) / most_rows, larger = layout_.m % blocks;
  const auto rows = static_cast<int>(layout_.m / blocks);
  repeat(rows_left, larger, [&] { write_block(rows + 1); });
  repeat(rows_left, blocks - larger, [&] { write_block(rows); });
  if (is_function(form_.activation)) write_functions();
}

void ProductGenerator::load_pointers() {
  load_pointer(matrix_a, layout_.is_column ? &MatmulMemory::b : &MatmulMemory::a);
  load_pointer(matrix_b, layout_.is_column ? &MatmulMemory::a : &MatmulMemory::b);
  code_.mov(matrix_c, code_.ptr[memory + offsetof(MatmulMemory, c)]);
  if (form_.has_start) load_pointer(start, &MatmulMemory::start);
  if (form_.has_bias) load_pointer(bias, &MatmulMemory::bias);
  if (is_gradient(form_.activation)) load_pointer(activated, &MatmulMemory::activated);
}

void ProductGenerator::load_pointer(const Reg64& to, const void* MatmulMemory::*from) {
  static const MatmulMemory one;
  const auto offset = reinterpret_cast<const char*>(&(one.*from)) - reinterpret_cast<const char*>(&one);
  code_.mov(to, code_.ptr[memory + static_cast<int>(offset)]);
}

void ProductGenerator::load_mask(const Xbyak::Opmask& mask, int elements) {
  code_.mov(rows_left.cvt32(), (1U << static_cast<unsigned>(elements)) - 1);
  code_.kmovw(mask, rows_left.cvt32());
}

// --- blocks of rows ---

/// Emits `body` as a loop of `turns` iterations.
template <class F>
void ProductGenerator::repeat(const Reg64& turns_left, std::int64_t turns, F body) {
  if (turns <= 1) {
    if (turns == 1) body();
    return;
  }
  Xbyak::Label again;
  code_.mov(turns_left, turns);
  code_.align(16);
  code_.L(again);
  body();
  code_.dec(turns_left);
  code_.jnz(again, Xbyak::CodeGenerator::T_NEAR);
}

void ProductGenerator::write_block(int rows) {
  begin_sums(rows);
  write_steps(0, layout_.k, rows * panel_.vectors, [&](std::int64_t step) { write_step(step, 0, rows); });
  finish_sums(rows);
  move_on(rows);
}

void ProductGenerator::move_on(int rows) {
  const auto by = [&](std::ptrdiff_t ld) { return static_cast<int>(rows * ld) * bytes(); };
  code_.add(matrix_a, by(layout_.a_row));
  code_.add(matrix_c, by(layout_.ldc));
  if (form_.has_start) code_.add(start, by(layout_.ldc));
  if (form_.has_bias && form_.bias_stride != 0) code_.add(bias, by(form_.bias_stride));
  if (is_gradient(form_.activation)) code_.add(activated, by(layout_.ldc));
}

void ProductGenerator::begin_sums(int rows) {
  for (int row = 0; row < rows; ++row)
    for (int vector = 0; vector < panel_.vectors; ++vector) {
      if (form_.has_start) {
        load(sum(row, vector), of_c(start, layout_.ldc, row, vector), vector);
      } else {
        assembler_.clear(sum(row, vector));
      }
    }
}

/// Calls write_one for `count` steps from `first` on, or emits a loop if there are many. `products` is the size of one step.
template <class F>
void ProductGenerator::write_steps(std::int64_t first, std::int64_t count, int products, F write_one) {
  const std::int64_t unrolled = products < 8 ? 8 : 4;  // the overhead of the loop is then negligible
  std::int64_t loops = 0;
  if (count * products > most_products_in_line && count >= 2 * unrolled && !is_turned_) loops = count / unrolled;
  const auto a_bytes = static_cast<int>(unrolled * layout_.a_step) * bytes();
  const auto b_bytes = static_cast<int>(unrolled * layout_.ldb) * bytes();
  repeat(steps_left, loops, [&] {
    for (std::int64_t step = 0; step < unrolled; ++step) write_one(first + step);
    code_.add(matrix_a, a_bytes);
    code_.add(matrix_b, b_bytes);
  });
  for (std::int64_t step = 0; step < count - loops * unrolled; ++step) write_one(first + step);
  if (loops > 0) {
    code_.sub(matrix_a, static_cast<int>(loops) * a_bytes);
    code_.sub(matrix_b, static_cast<int>(loops) * b_bytes);
  }
}

/// The products of one step and `rows` rows, added to the sums from row `first_sum` on.
void ProductGenerator::write_step(std::int64_t step, int first_sum, int rows) {
  const auto right = [&](int vector) {
    return is_turned_ ? Vector(sized(first_turned + static_cast<int>(step), vector)) : scratch(vector, vector);
  };
  if (!is_turned_)
    for (int vector = 0; vector < panel_.vectors; ++vector)
      load(right(vector), element(matrix_b, step * layout_.ldb + panel_.column + vector * lanes()), vector);
  for (int row = 0; row < rows; ++row) {
    const std::int64_t left = row * layout_.a_row + step * layout_.a_step;
    if (panel_.vectors == 1) {
      assembler_.add_product(sum(first_sum + row, 0), right(0), for_all_lanes(matrix_a, left));
      continue;
    }
    load_for_all(scratch(most_vectors, 0), matrix_a, left);
    for (int vector = 0; vector < panel_.vectors; ++vector)
      assembler_.add_product(sum(first_sum + row, vector), right(vector), scratch(most_vectors, vector));
  }
}

// --- C of one row ---

/// Row 0 of the sums is the total, rows 1 to 4 are the partial sums (chains).
void ProductGenerator::write_row() {
  begin_sums(1);
  for (std::int64_t first = 0; first < layout_.k; first += row_stretch) {
    const std::int64_t steps = std::min(row_stretch, layout_.k - first);
    // A chain without products is 0. Adding it, and starting sums at 0, matters only for the sign of −0.
    const bool begins_with_zero = first == 0 && !form_.has_start;
    const auto used = static_cast<int>(begins_with_zero ? std::min<std::int64_t>(steps, chains) : chains);
    for (int chain = 1; chain <= used; ++chain)
      for (int vector = 0; vector < panel_.vectors; ++vector) assembler_.clear(sum(chain, vector));
    write_steps(first, steps, panel_.vectors,
                [&](std::int64_t step) { write_step(step, 1 + static_cast<int>(step % chains), 1); });
    for (int vector = 0; vector < panel_.vectors; ++vector) {
      const auto add_to = [&](int row, int other) {
        if (other <= used) assembler_.add(sum(row, vector), sum(row, vector), sum(other, vector));
      };
      add_to(1, 2);
      add_to(3, 4);
      add_to(1, 3);
      add_to(0, 1);
    }
  }
  finish_sums(1);
}

/// The columns of op(B) are contiguous: the four partial sums of a column are adjacent lanes.
void ProductGenerator::write_row_across() {
  const auto four = [&](int index) { return assembler_.is_double() ? Vector(Xbyak::Ymm(index)) : Vector(index); };
  const Vector left = four(lanes());
  const auto rest = static_cast<int>(layout_.k % chains);
  if (rest > 0) load_mask(of_rest, rest);
  for (int column = 0; column < lanes(); ++column) assembler_.clear(four(column));
  for (std::int64_t step = 0; step < layout_.k; step += chains) {
    const bool is_rest = layout_.k - step < chains;
    const Xbyak::Address a = element(matrix_a, step);
    assembler_.move(is_rest ? left | of_rest | code_.T_z : left, a);
    for (int column = 0; column < columns(); ++column)
      assembler_.add_product(is_rest ? four(column) | of_rest : four(column), left,
                             element(matrix_b, (panel_.column + column) * layout_.ldb + step));
  }
  // (sum 0 + sum 1) + (sum 2 + sum 3) for adjacent columns, then gather the results.
  const int together = assembler_.is_double() ? 2 : 4;
  for (int first = 0; first < columns(); first += together) {
    const Vector x(first), of_others(first + 1);
    if (assembler_.is_double()) {
      code_.vhaddpd(four(first), four(first), four(first + 1));
      code_.vextractf128(of_others, Xbyak::Ymm(first), 1);
      assembler_.add(x, x, of_others);
      if (first > 0) code_.vinsertf64x2(Zmm(0), Zmm(0), x, static_cast<std::uint8_t>(first / together));
    } else {
      code_.vhaddps(x, x, Vector(first + 1));
      code_.vhaddps(Vector(first + 2), Vector(first + 2), Vector(first + 3));
      code_.vhaddps(x, x, Vector(first + 2));
      if (first > 0) code_.vinsertf32x4(Zmm(0), Zmm(0), x, static_cast<std::uint8_t>(first / together));
    }
  }
  const Vector before = scratch(0, 0);
  if (form_.has_start) {
    load(before, of_c(start, layout_.ldc, 0, 0), 0);
  } else {
    assembler_.clear(before);
  }
  assembler_.add(sum(0, 0), before, sum(0, 0));
  finish_sums(1);
}

// --- C of one element ---

void ProductGenerator::write_dot() {
  panel_ = {};
  const int vectors = sums_of_dot / lanes();
  const Zmm a(vectors), b(vectors + 1);
  const auto rest = static_cast<int>(layout_.k % lanes());
  if (rest > 0) load_mask(of_rest, rest);
  for (int vector = 0; vector < vectors; ++vector) assembler_.clear(Zmm(vector));
  for (std::int64_t stretch = 0; stretch < layout_.k; stretch += sums_of_dot)
    for (int vector = 0; vector < vectors; ++vector) {
      const std::int64_t step = stretch + vector * lanes(), left = layout_.k - step;
      if (left >= lanes()) {
        assembler_.move(a, element(matrix_a, step));
        assembler_.add_product(Zmm(vector), a, element(matrix_b, step));
      } else if (left > 0) {
        assembler_.move(a | of_rest | code_.T_z, element(matrix_a, step));
        assembler_.move(b | of_rest | code_.T_z, element(matrix_b, step));
        assembler_.add_product(Zmm(vector), a, b);
      } else {  // a sum of −0 becomes 0, as for the other sums
        assembler_.clear(a);
        assembler_.add(Zmm(vector), Zmm(vector), a);
      }
    }
  if (vectors == 2) assembler_.add(Zmm(0), Zmm(0), Zmm(1));
  fold();
  if (form_.has_start) {
    load(scratch(0, 0), element(start, 0), 0);
    assembler_.add(sum(0, 0), scratch(0, 0), sum(0, 0));
  }
  finish_sums(1);
}

/// Sums the lanes of register 0: adds the upper half to the lower one until one lane is left.
void ProductGenerator::fold() {
  const Xbyak::Ymm y(0), upper_y(1);
  const Vector x(0), upper_x(1);
  code_.vextractf64x4(upper_y, Zmm(0), 1);
  assembler_.add(y, y, upper_y);
  code_.vextractf128(upper_x, y, 1);
  assembler_.add(x, x, upper_x);
  code_.vpermilpd(upper_x, x, 1);
  assembler_.add(x, x, upper_x);
  if (assembler_.is_double()) return;
  code_.vmovshdup(upper_x, x);
  assembler_.add(x, x, upper_x);
}

// --- the epilogue ---

void ProductGenerator::finish_sums(int rows) {
  if (form_.has_bias) add_bias(rows);
  const bool compares_with_zero = form_.activation == Activation::relu || is_gradient(form_.activation);
  if (compares_with_zero) assembler_.clear(whole(zero(0)));
  if (form_.activation == Activation::tanh_gradient) assembler_.load_literal(whole(one(0)), 1, 1);
  for (int row = 0; row < rows; ++row)
    for (int vector = 0; vector < panel_.vectors; ++vector) {
      activate(row, vector);
      store(of_c(matrix_c, layout_.ldc, row, vector), sum(row, vector), vector);
    }
}

void ProductGenerator::add_bias(int rows) {
  for (int row = 0; row < rows; ++row)
    for (int vector = 0; vector < panel_.vectors; ++vector) {
      const Vector value = scratch(vector, vector);
      if (layout_.single_bias && row == 0) {
        load_for_all(value, bias, 0);
      } else if (form_.bias_stride != 0 || row == 0) {
        load(value, of_c(bias, form_.bias_stride, row, vector), vector);
      }
      assembler_.add(sum(row, vector), sum(row, vector), value);
    }
}

/// As `activate` in the kernels.
void ProductGenerator::activate(int row, int vector) {
  const Vector value = sum(row, vector), y = scratch(0, vector);
  if (is_gradient(form_.activation)) load(y, of_c(activated, layout_.ldc, row, vector), vector);
  switch (form_.activation) {
    case Activation::none: return;
    case Activation::relu:
      assembler_.compare(condition, value, zero(vector), Predicate::less_equal);
      return assembler_.move(value | condition, zero(vector));
    case Activation::relu_gradient:
      assembler_.compare(condition, y, zero(vector), Predicate::greater);
      return assembler_.move(value | condition | code_.T_z, value);
    case Activation::tanh_gradient:
      assembler_.multiply(y, y, y);
      assembler_.subtract(y, one(vector), y);
      assembler_.compare(condition, value, zero(vector), Predicate::not_equal);
      return assembler_.multiply(value | condition, value, y);
    case Activation::tanh:
    case Activation::sigmoid:
      if (layout_.m == 1) apply_function(value);
      return;
  }
}

/// Applies the function to the stored results, row by row: inlined in every block it would fill the instruction cache.
void ProductGenerator::write_functions() {
  load_pointers();
  repeat(rows_left, layout_.m, [&] {
    for (int vector = 0; vector < panel_.vectors; ++vector) {
      const Xbyak::Address values = of_c(matrix_c, layout_.ldc, 0, vector);
      load(sum(0, vector), values, vector);
      apply_function(sum(0, vector));
      store(values, sum(0, vector), vector);
    }
    move_on(1);
  });
}

/// The functions work on whole vectors.
void ProductGenerator::apply_function(const Vector& value) {
  const auto free = [&](int index) { return whole(scratch(index, 0)); };
  const std::array<Vector, 6> others = {free(0), free(1), free(2), free(3), free(4), free(5)};
  const Vector x = free(6);
  assembler_.move(x, whole(value));
  form_.activation == Activation::tanh ? functions_.tanh(whole(value), x, others)
                                       : functions_.sigmoid(whole(value), x, others);
}

// --- a transposed B ---

/// Transposes the panel of op(B), at most a square of a vector's width, into registers from first_turned on.
void ProductGenerator::turn_square() {
  const int in_block = 16 / bytes();  // elements of the 128 bits that shuffles stay within
  const int width = lanes();
  // Each step goes from one half of the registers to the other.
  int from = assembler_.is_double() ? 0 : first_turned, to = first_turned - from;
  const auto k = static_cast<int>(layout_.k);
  if (k < width) load_mask(of_rest, k);
  for (int column = 0; column < width; ++column) {
    const Zmm row_of_b(from + column);
    if (column >= columns()) {
      assembler_.clear(row_of_b);
    } else {
      assembler_.move(k < width ? row_of_b | of_rest | code_.T_z : row_of_b,
                      element(matrix_b, (panel_.column + column) * layout_.ldb));
    }
  }
  const auto go_on = [&] { std::swap(from, to); };
  if (!assembler_.is_double()) {
    for (int i = 0; i < width; i += 2) {
      code_.vunpcklps(Zmm(to + i), Zmm(from + i), Zmm(from + i + 1));
      code_.vunpckhps(Zmm(to + i + 1), Zmm(from + i), Zmm(from + i + 1));
    }
    go_on();
  }
  const int apart = in_block / 2;
  for (int first = 0; first < width; first += in_block)
    for (int i = 0; i < apart; ++i) {
      const int x = first + i;
      code_.vunpcklpd(Zmm(to + first + 2 * i), Zmm(from + x), Zmm(from + x + apart));
      code_.vunpckhpd(Zmm(to + first + 2 * i + 1), Zmm(from + x), Zmm(from + x + apart));
    }
  go_on();
  // Then 128-bit blocks, four per vector: twice, the even blocks of two vectors and the odd ones.
  constexpr std::uint8_t even = 0x88, odd = 0xdd;
  for (int time = 0; time < 2; ++time) {
    for (int half = 0; half < 2; ++half)
      for (int i = 0; i < in_block; ++i) {
        const int x = 2 * half * in_block + i;
        code_.vshuff64x2(Zmm(to + half * in_block + i), Zmm(from + x), Zmm(from + x + in_block), even);
        code_.vshuff64x2(Zmm(to + (2 + half) * in_block + i), Zmm(from + x), Zmm(from + x + in_block), odd);
      }
    go_on();
  }
}

// --- locations ---

/// Register `index`, in the width of the panel's `vector`.
ProductGenerator::Vector ProductGenerator::sized(int index, int vector) const {
  if (vector + 1 < panel_.vectors) return Zmm(index);
  if (panel_.last == 1) return Vector(index);
  if (panel_.last <= lanes() / 2) return Xbyak::Ymm(index);
  return Zmm(index);
}

/// Registers that are not used by the sums or a transposed square.
ProductGenerator::Vector ProductGenerator::scratch(int index, int vector) const {
  constexpr int most_sums = most_rows * most_vectors;
  return sized((is_turned_ ? most_rows : most_sums) + index, vector);
}

/// Whether a vector needs a mask: it is neither whole, nor half, nor a single element.
bool ProductGenerator::is_masked(int vector) const {
  return vector + 1 == panel_.vectors && panel_.last != lanes() && panel_.last != lanes() / 2 && panel_.last != 1;
}

Xbyak::Address ProductGenerator::element(const Reg64& matrix, std::int64_t index) const {
  return code_.ptr[matrix + static_cast<int>(index) * bytes()];
}

/// For a matrix laid out as C.
Xbyak::Address ProductGenerator::of_c(const Reg64& matrix, std::int64_t ld, int row, int vector) const {
  return element(matrix, row * ld + panel_.column + vector * lanes());
}

/// An element as a broadcast operand.
Xbyak::Address ProductGenerator::for_all_lanes(const Reg64& matrix, std::int64_t index) const {
  return code_.ptr_b[matrix + static_cast<int>(index) * bytes()];
}

void ProductGenerator::load_for_all(const Vector& to, const Reg64& matrix, std::int64_t index) {
  assembler_.broadcast(whole(to), element(matrix, index));
}

void ProductGenerator::load(const Vector& to, const Xbyak::Address& from, int vector) {
  if (to.isXMM()) {
    assembler_.is_double() ? code_.vmovsd(to, from) : code_.vmovss(to, from);
  } else {
    assembler_.move(is_masked(vector) ? to | of_last | code_.T_z : to, from);
  }
}

void ProductGenerator::store(const Xbyak::Address& to, const Vector& from, int vector) {
  if (from.isXMM()) {
    assembler_.is_double() ? code_.vmovsd(to, from) : code_.vmovss(to, from);
  } else {
    assembler_.move(is_masked(vector) ? to | of_last : to, from);
  }
}

}  // namespace thalweg::run

#endif
