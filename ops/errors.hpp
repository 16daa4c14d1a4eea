#pragma once
// Errors of ops. They name the op that the user called and the user's line, even if a part of a composite op detects
// them.

#include <string>

#include <thalweg/op.hpp>

namespace thalweg {

/// The line that an error names: that of the outermost scope, if a layer or a composite called the op; else `line`.
SourceLine blamed(SourceLine line);
/// The op that an error names: the composite that the user called, if there is one; else `op`.
const char* blamed(const char* op);

/// The same with the layers around it, "affine1/matmul".
std::string path_to(const char* op);

/// Throws Error with `op`, the message and the user's line.
template <class Error>
[[noreturn]] void fail(const char* op, const std::string& message, SourceLine line) {
  throw Error(error_text(path_to(op), message, blamed(line)));
}

/// Where an element is, for errors: "3" in a vector, "(1, 0)" in a matrix.
std::string place_in(const Shape& shape, std::int64_t element);

/// Whether p is in [0, 1]; false for NaN.
inline bool is_probability(double p) { return p >= 0 && p <= 1; }

/// ValueError unless ε is positive and finite in `dtype`: 1e-50 is 0 in f32.
void check_epsilon(const char* op, double epsilon, DType dtype, SourceLine line);

/// Returns x; DtypeError if it is i64 or bool.
Var floating_value(const char* op, const Operand& x);

}  // namespace thalweg
