#pragma once
// For the JIT: elementary functions. They repeat those of src/run/elementary operation by
// operation, so the bits are the same. The registers in `free` are clobbered, and must differ from argument and result.

#include <array>
#include <cstddef>
#include <span>

#include "src/run/vector_assembler.hpp"

namespace thalweg::run {

/// Clobbers the temporary mask.
class VectorFunctions {
 public:
  using Vector = VectorAssembler::Vector;

  explicit VectorFunctions(VectorAssembler& assembler) : assembler_(assembler), code_(assembler.code()) {}

  /// to = e^x
  void exponential(const Vector& to, const Xbyak::Operand& x, const std::array<Vector, 4>& free);
  /// to = e^x − 1
  void expm1(const Vector& to, const Vector& x, const std::array<Vector, 6>& free);
  void tanh(const Vector& to, const Vector& x, const std::array<Vector, 6>& free);
  /// to = 1 / (1 + e^-x)
  void sigmoid(const Vector& to, const Vector& x, const std::array<Vector, 6>& free);
  /// f32 only.
  void log(const Vector& to, const Vector& x, const std::array<Vector, 5>& free);
  /// to = log(1 + x); f32 only.
  void log1p(const Vector& to, const Vector& x, const std::array<Vector, 6>& free);
  /// 1 − erf x; f32 only.
  void erfc(const Vector& to, const Vector& x, const std::array<Vector, 7>& free);
  /// sin x and cos x for |x| ≤ WaveF32::farthest; f32 only.
  void sine_and_cosine(const Vector& sine, const Vector& cosine, const Vector& x, const std::array<Vector, 4>& free);
  /// Jumps to `elsewhere` unless |x| ≤ WaveF32::farthest in all lanes.
  void unless_near(const Vector& x, const Vector& free, const Xbyak::Label& elsewhere);

 private:
  VectorAssembler& assembler_;
  Xbyak::CodeGenerator& code_;

  void clamp(const Vector& to, const Xbyak::Operand& x, float low, double number_low, float high, double number_high,
             const Vector& free);
  void round_multiple_of_ln2(const Vector& n, const Vector& x);
  void expm1_quotient(const Vector& to, const Vector& even, const Vector& r, const Vector& square);
  void expm1_compensated(const Vector& to, const Vector& x, const Vector& n, const std::array<Vector, 4>& free);
  void log_of_parts(const Vector& to, const Vector& f, const Vector& k, float sign_of_k,
                    const std::array<Vector, 3>& free);
  void absolute(const Vector& to, const Vector& x);
  void copy_sign(const Vector& to, const Vector& from);
  void split_by_instructions(const Vector& f, const Vector& k, const Vector& x, const Vector& one);
  void split_by_bits(const Vector& f, const Vector& k, const Vector& x, const Vector& scaled_by);
  void log1p_by_instructions(const Vector& to, const Vector& x, const std::array<Vector, 6>& registers);
  void log1p_by_bits(const Vector& to, const Vector& x, const std::array<Vector, 6>& registers);
  void make_number_of_field(const Vector& k);
  void put_special_logarithms(const Vector& to, const Vector& x, const std::array<Vector, 2>& free);
  const Xbyak::Operand& sign_bits();
  void horner(const Vector& sum, const Vector& x, std::span<const float> coefficients);
  void every_other_term(const Vector& sum, const Vector& square, std::span<const float> single,
                        std::span<const double> number, std::size_t last);
};

}  // namespace thalweg::run
