#pragma once
// Memory for generated code. Sweeps that differ only in their sizes, as for sequences of different lengths, often have
// the same code. It is stored once, since executable memory costs two system calls and a page.

#include <cstdint>
#include <memory>
#include <span>

namespace Xbyak {
class CodeGenerator;
class Error;
}  // namespace Xbyak

namespace thalweg::run {

/// This thread's buffer for writing code, in ordinary memory. Returned empty. May throw Xbyak::Error.
Xbyak::CodeGenerator& code_draft();

/// Copies code to executable memory, or returns the memory of an earlier call of this thread with the same bytes, if it
/// is still alive. The code must be position-independent. Throws Xbyak::Error if the system provides no such memory.
std::shared_ptr<const std::uint8_t> executable_code(std::span<const std::uint8_t> bytes);

/// Whether the error means that, or a displacement too large for an instruction: then do without code. Any other error
/// is a bug in the code generator.
bool is_limit(const Xbyak::Error& error);

}  // namespace thalweg::run
