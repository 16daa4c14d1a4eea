#pragma once
// Every error the library throws derives from Error. All messages have one style:
//   [matmul] inner dimensions differ: lhs (2, 3), rhs (4, 5) at model.cpp:12
// An op in a layer, or in a Scope of the user's, is named with it: [affine2/matmul].

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace thalweg {

/// A line of the user's program. `file` is a string literal, never freed; empty if the line is unknown.
struct SourceLine {
  const char* file = "";
  // 64 bits wide so that a SourceLine is written and copied in whole words, without store-forwarding stalls.
  std::uint64_t line = 0;

  /// The caller's line, as the default of a parameter: `SourceLine line = SourceLine::here()`.
  static constexpr SourceLine here(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Shapes that are incompatible, or a shape that is too large.
class ShapeError : public Error {
 public:
  using Error::Error;
};
/// dtypes that are incompatible.
class DtypeError : public Error {
 public:
  using Error::Error;
};
/// An index or axis out of range.
class IndexError : public Error {
 public:
  using Error::Error;
};
/// An invalid value: a negative rate, a probability above 1, an unknown name.
class ValueError : public Error {
 public:
  using Error::Error;
};
/// A Var whose tape is gone, an op without a tape, a value that has changed since it was read.
class TapeError : public Error {
 public:
  using Error::Error;
};
/// A NaN or an infinity found on a tape with TapeOptions::detect_anomaly.
class AnomalyError : public Error {
 public:
  using Error::Error;
};
/// A file that cannot be read or written, or violates its format.
class IoError : public Error {
 public:
  using Error::Error;
};

/// "[op] message at file.cpp:12", without the folder of the file. An unknown line is left out.
std::string error_text(std::string_view op, const std::string& message, SourceLine line = {});

}  // namespace thalweg
