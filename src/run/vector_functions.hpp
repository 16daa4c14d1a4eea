#pragma once
// For the JIT: elementary functions as AVX-512 instructions. They repeat those of src/run/elementary operation by
// operation, so the bits are the same. The registers in `free` are clobbered, and must differ from argument and result.

#include <array>
#include <cstddef>
#include <span>

#include "src/run/vector_assembler.hpp"

namespace thalweg::run {

class VectorFunctions {
 public:
  using Zmm = Xbyak::Zmm;

  explicit VectorFunctions(VectorAssembler& assembler) : assembler_(assembler), code_(assembler.code()) {}

  /// to = e^x
  void exponential(const Zmm& to, const Xbyak::Operand& x, const std::array<Zmm, 4>& free);
  /// to = e^x − 1
  void expm1(const Zmm& to, const Zmm& x, const std::array<Zmm, 6>& free);
  void tanh(const Zmm& to, const Zmm& x, const std::array<Zmm, 6>& free);
  /// to = 1 / (1 + e^-x)
  void sigmoid(const Zmm& to, const Zmm& x, const std::array<Zmm, 6>& free);
  /// f32 only.
  void log(const Zmm& to, const Zmm& x, const std::array<Zmm, 5>& free);
  /// to = log(1 + x); f32 only.
  void log1p(const Zmm& to, const Zmm& x, const std::array<Zmm, 6>& free);
  /// sin x and cos x for |x| ≤ WaveF32::farthest; f32 only.
  void sine_and_cosine(const Zmm& sine, const Zmm& cosine, const Zmm& x, const std::array<Zmm, 4>& free);
  /// Jumps to `elsewhere` unless |x| ≤ WaveF32::farthest in all lanes.
  void unless_near(const Zmm& x, const Zmm& free, const Xbyak::Label& elsewhere);

 private:
  VectorAssembler& assembler_;
  Xbyak::CodeGenerator& code_;

  void clamp(const Zmm& to, const Xbyak::Operand& x, float low, double number_low, float high, double number_high,
             const Zmm& free);
  void round_multiple_of_ln2(const Zmm& n, const Zmm& x);
  void expm1_quotient(const Zmm& to, const Zmm& even, const Zmm& r, const Zmm& square);
  void expm1_compensated(const Zmm& to, const Zmm& x, const Zmm& n, const std::array<Zmm, 4>& free);
  void log_of_parts(const Zmm& to, const Zmm& f, const Zmm& k, float sign_of_k, const std::array<Zmm, 3>& free);
  void absolute(const Zmm& to, const Zmm& x);
  void copy_sign(const Zmm& to, const Zmm& from);
  const Xbyak::Operand& sign_bits();
  void horner(const Zmm& sum, const Zmm& x, std::span<const float> coefficients);
  void every_other_term(const Zmm& sum, const Zmm& square, std::span<const float> single,
                        std::span<const double> number, std::size_t last);
};

}  // namespace thalweg::run
