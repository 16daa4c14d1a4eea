#pragma once
// What e^x is made of, for exponential-inl.hpp and for the generator of machine code (src/run/vector_assembler.hpp).

#include <array>

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

}  // namespace thalweg::elementary
