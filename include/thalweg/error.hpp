#pragma once
// Every error the library throws derives from Error. One sentence style:
//   [matmul] inner dimensions differ: lhs (2, 3), rhs (4, 5) at model.cpp:12

#include <cstdint>
#include <stdexcept>
#include <string>

namespace thalweg {

/// A place in the user's program. `file` is a string literal (never freed); empty when unknown.
struct SourceLine {
  const char* file = "";
  // Of 64 bits, as it is copied: a copy of what was stored in fewer would wait until that has reached the cache.
  std::uint64_t line = 0;

  /// As a parameter's default, `SourceLine line = SourceLine::here()`: the caller's line.
  static constexpr SourceLine here(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Shapes that do not fit together, or a shape that is too large.
class ShapeError : public Error {
 public:
  using Error::Error;
};
/// dtypes that do not fit together.
class DtypeError : public Error {
 public:
  using Error::Error;
};
/// An index or axis out of range.
class IndexError : public Error {
 public:
  using Error::Error;
};
/// A setting without meaning (a negative rate, a probability above 1, an unknown name).
class ValueError : public Error {
 public:
  using Error::Error;
};
/// A handle that is dead, a tape that is missing, a value that has changed.
class TapeError : public Error {
 public:
  using Error::Error;
};
/// A NaN or an infinity, found on a tape with TapeOptions::detect_anomaly.
class AnomalyError : public Error {
 public:
  using Error::Error;
};
/// A file that cannot be read or written, or is not what its format says.
class IoError : public Error {
 public:
  using Error::Error;
};

/// "[op] message at file.cpp:12"; the place is left out where it is unknown. Only the file's name, not its folder.
std::string error_text(const char* op, const std::string& message, SourceLine line = {});

}  // namespace thalweg
