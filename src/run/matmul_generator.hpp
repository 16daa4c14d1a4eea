#pragma once
// Generates machine code for a small matrix product, with sizes, strides and epilogue as constants:
//
//   for each panel of columns                     unrolled
//     for each block of rows                      a loop if several have the same size
//       sums = start, or 0
//       for each step of k                        a loop if there are many
//         for each row of the block: sums += A[row, step] · B[step, columns]
//       C = epilogue(sums)
//
// and for a C of one row, or one element, the partial sums that matmul_kernel-inl.hpp and multiply_dot define. All
// addresses come from MatmulMemory, so that all products of a form share the code.

#include <cstdint>

#include "src/run/matmul_generate.hpp"
#include "src/run/matmul_layout.hpp"
#include "src/run/vector_functions.hpp"

namespace thalweg::run {

class ProductGenerator {
 public:
  /// Whether code for products of this form is faster than the kernels.
  static bool writes(const ProductForm& form);

  ProductGenerator(Xbyak::CodeGenerator& code, const ProductForm& form)
      : form_(form),
        layout_(layout_of(form)),
        code_(code),
        assembler_(code, form.dtype == DType::f64, code_target()),
        functions_(assembler_) {}

  /// Generates a PreparedMatmul::Run.
  void write();

 private:
  using Vector = VectorAssembler::Vector;
  using Zmm = Xbyak::Zmm;
  using Reg64 = Xbyak::Reg64;

  const ProductForm form_;
  const MatmulLayout layout_;
  Xbyak::CodeGenerator& code_;
  VectorAssembler assembler_;
  VectorFunctions functions_;

  /// Adjacent columns of C as vectors, the last of which has `last` elements.
  struct Panel {
    std::int64_t column = 0;
    int vectors = 1, last = 1;
  } panel_;
  bool is_turned_ = false;  // B's panel has been transposed into registers

  int bytes() const { return assembler_.bytes(); }
  int lanes() const { return 64 / bytes(); }
  int columns() const { return (panel_.vectors - 1) * lanes() + panel_.last; }

  void write_panel(const Panel& panel);
  void load_pointers();
  void load_pointer(const Reg64& to, const void* MatmulMemory::*from);
  template <class F>
  void repeat(const Reg64& turns_left, std::int64_t turns, F body);
  void write_block(int rows);
  void move_on(int rows);
  void write_row();
  void write_row_across();
  void write_dot();
  void turn_square();

  void begin_sums(int rows);
  template <class F>
  void write_steps(std::int64_t first, std::int64_t count, int products, F write_one);
  void write_step(std::int64_t step, int first_sum, int rows);
  void fold();
  void finish_sums(int rows);
  void add_bias(int rows);
  void activate(int row, int vector);
  void write_functions();
  void apply_function(const Vector& value);

  // Locations: in registers, and in memory relative to the block's first row.
  Vector sized(int index, int vector) const;
  Vector sum(int row, int vector) const { return sized(row * panel_.vectors + vector, vector); }
  Vector scratch(int index, int vector) const;
  Vector zero(int vector) const { return scratch(6, vector); }
  Vector one(int vector) const { return scratch(7, vector); }
  Xbyak::Address element(const Reg64& matrix, std::int64_t index) const;
  Xbyak::Address for_all_lanes(const Reg64& matrix, std::int64_t index) const;
  void load_for_all(const Vector& to, const Reg64& matrix, std::int64_t index);
  Xbyak::Address of_c(const Reg64& matrix, std::int64_t ld, int row, int vector) const;
  bool is_masked(int vector) const;
  void load(const Vector& to, const Xbyak::Address& from, int vector);
  void store(const Xbyak::Address& to, const Vector& from, int vector);
  void load_mask(const Xbyak::Opmask& mask, int elements);
};

}  // namespace thalweg::run
