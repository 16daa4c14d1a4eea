#pragma once
// Numbers of the functions that the generator of machine code writes in line (src/run/vector_functions.hpp), for it and for
// the functions themselves.

#include <array>
#include <cstdint>

namespace thalweg::elementary {

template <class T>
struct Exponential;

template <>
struct Exponential<float> {
  /// Beyond these e^x is inf and 0.
  static constexpr float highest = 89.0f, lowest = -105.0f;
  static constexpr float ln2_inverse = 0x1.715476p0f;
  /// ln 2 in two parts, the first short enough that an exponent times it is exact.
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  /// q of e^r - 1 = r + r²·q(r), |r| ≤ ln2 / 2.
  static constexpr std::array<float, 5> quotient = {0x1.fffffep-2f, 0x1.5554bp-3f, 0x1.555674p-5f, 0x1.1227bp-7f,
                                                    0x1.6bec02p-10f};
};

template <>
struct Exponential<double> {
  static constexpr double highest = 710.0, lowest = -746.0;
  static constexpr double ln2_inverse = 0x1.71547652b82fep0;
  static constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr std::array<double, 11> quotient = {0.5,
                                                      0x1.5555555555559p-3,
                                                      0x1.555555555553ep-5,
                                                      0x1.111111110f6c4p-7,
                                                      0x1.6c16c16c1f0e3p-10,
                                                      0x1.a01a01afdd903p-13,
                                                      0x1.a01a017bb0d46p-16,
                                                      0x1.71ddf863b5803p-19,
                                                      0x1.27e53642bcee9p-22,
                                                      0x1.af5ea855d969bp-26,
                                                      0x1.1ee8890af4f21p-29};
};

/// From `farthest` on tanh rounds to 1.
template <class T>
struct HyperbolicTangent {
  static constexpr T farthest = sizeof(T) == sizeof(float) ? 10 : 20;
};

/// Beyond these 1 / (1 + e^-x) is 1 and 0, and a smaller power of two vanishes beside 1.
template <class T>
struct LogisticSigmoid {
  static constexpr bool is_single = sizeof(T) == sizeof(float);
  static constexpr T highest = is_single ? 105 : 746, lowest = is_single ? -112 : -753;
  static constexpr T least_exponent = is_single ? -100 : -1000;
};

/// Beyond these e^x − 1 is inf and −1; numbers below `tiny` are what they become.
template <class T>
struct ExponentialMinusOne {
  static constexpr bool is_single = sizeof(T) == sizeof(float);
  static constexpr T highest = is_single ? 89 : 710, lowest = is_single ? -20 : -40;
  static constexpr T tiny = is_single ? static_cast<T>(0x1p-26) : static_cast<T>(0x1p-55);
};

/// log and log1p of f32: log(1 + f) = f − f²/2 + f³·quotient(f), f in [−1/4, 1/2).
struct LogarithmF32 {
  static constexpr std::array<float, 8> quotient = {0x1.5555a4p-2f, -0x1.000042p-2f, 0x1.99699cp-3f, -0x1.54ef82p-3f,
                                                    0x1.28851p-3f,  -0x1.0d8f2ep-3f, 0x1.ac9e66p-4f, -0x1.714b54p-5f};
  // Without instructions for the exponent and the mantissa m of a number, they are taken from its bits.
  static constexpr int mantissa_bits = 23;
  static constexpr std::uint32_t smallest = 0x3f400000;  // of m: 3/4
  static constexpr std::uint32_t one_less_smallest = 0x3f800000 - smallest;
  /// The bits of 2^23: with an integer, here an exponent field, in the low bits, they are 2^23 plus that integer.
  static constexpr std::uint32_t field_in_mantissa = 0x4b000000;
  static constexpr float number_of_field_0 = 0x1p23F + 127;
  static constexpr std::uint32_t field_of_4 = 256;  // 4 · 2^-k has the field 256 − (field of k)
  static constexpr float tiny = 0x1p-26F;           // below it log1p x = x
  /// For AVX-512's vfixupimm, by the class of x (a quiet NaN's in the low bits): log 0 = −inf, log inf = inf, NaN below 0.
  static constexpr std::uint32_t special_table = 0x03530422;
};

/// sin and cos of f32, |x| ≤ farthest.
struct WaveF32 {
  static constexpr float farthest = 2048;
  /// A sum with it has the nearest integer in its low bits.
  static constexpr float rounder = 0x1.8p23f;
  static constexpr float half_pi_inverse = 0x1.45f306p-1f;
  /// π/2, rounded down in all parts but the last. A fused product is subtracted without an error by the first part, as the
  /// difference is below 1 and a multiple of 2^-24.
  static constexpr std::array<float, 3> half_pi = {0x1.921fb4p0f, 0x1.4442dp-24f, 0x1.846988p-48f};
  /// Short enough that products with up to 2^11 are exact but for the last part's.
  static constexpr std::array<float, 4> short_half_pi = {0x1.921p0f, 0x1.f6ap-13f, 0x1.11p-26f, 0x1.68c234p-39f};
  /// With z = r², |r| ≤ π/4: sin r = r + r·z·sine(z), cos r = 1 + z·(−1/2 + z·cosine(z)).
  static constexpr std::array<float, 3> sine = {-0x1.555546p-3f, 0x1.110778p-7f, -0x1.995406p-13f};
  static constexpr std::array<float, 3> cosine = {0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e80cp-16f};
};

struct ComplementaryErrorF32 {
  /// erf(x) / x − 1 = z·p(z) with z = x² ≤ 1.
  static constexpr std::array<float, 7> small = {0x1.06eba8p-3f, -0x1.81273ep-2f,  0x1.ce2cf8p-4f, -0x1.b7f90ep-6f,
                                                 0x1.5405b2p-8f, -0x1.a3f702p-11f, 0x1.496a38p-14f};
  /// From 0 on e^(x²)·erfc(x) = t·(first + v·q(v)) with t = 1 / (x + shift), v = middle − slope·t; at `farthest` erfc has
  /// become 0. A relative error of t changes it about 1 + sensitivity·t times as much.
  static constexpr float shift = 2, middle = 1.375f, slope = 4.8125f, first = 0x1.2023fap+0f, sensitivity = 2.6f,
                         farthest = 10.2f;
  static constexpr std::array<float, 10> tail = {-0x1.473eb8p-1f,  0x1.9d8a8ap-3f,  -0x1.b11f1ap-7f,  -0x1.88f398p-7f,
                                                 0x1.754ad2p-10f,  0x1.32f3cep-10f, -0x1.426504p-15f, -0x1.1a16b6p-13f,
                                                 -0x1.5cb22cp-17f, 0x1.736310p-17f};
  /// The bits of a number whose square is exact.
  static constexpr std::uint32_t upper_half = 0xfffff000U;
};

}  // namespace thalweg::elementary
