#pragma once
// Errors of ops: they name the op that the user called and the user's line, whatever part of the op finds the mistake.

#include <string>

#include <thalweg/op.hpp>

namespace thalweg {

/// The line that an error names: where a layer or a composite called the op, that of the outermost scope, else `line`.
SourceLine blamed(SourceLine line);
/// The op that an error names: the one the user called, where that is made of others, else `op`.
const char* blamed(const char* op);

/// Throws Error with `op`, the message and the user's line.
template <class Error>
[[noreturn]] void fail(const char* op, const std::string& message, SourceLine line) {
  throw Error(error_text(blamed(op), message, blamed(line)));
}

/// Whether p is in [0, 1]; NaN is not.
inline bool is_probability(double p) { return p >= 0 && p <= 1; }

/// ValueError for an ε that is not above 0 and finite, as `dtype` has it: 1e-50 is 0 in f32.
void check_epsilon(const char* op, double epsilon, DType dtype, SourceLine line);

/// x; DtypeError if it is i64 or bool.
Var floating_value(const char* op, const Operand& x);

}  // namespace thalweg
