#pragma once
// Generated code that may be executed. What differs in its geometry alone, as sums over sequences of other lengths do, is
// often the same code; it is held once, for memory that may be executed takes two calls of the system and a page.

#include <cstdint>
#include <memory>
#include <span>

namespace Xbyak {
class CodeGenerator;
class Error;
}  // namespace Xbyak

namespace thalweg::run {

/// Where this thread writes code, in memory like any other; it is empty. May throw Xbyak::Error.
Xbyak::CodeGenerator& code_draft();

/// These bytes, at a place from which they can be executed: that of an earlier call of the thread with the same ones, if it is
/// still held. They must not depend on where they lie. Throws Xbyak::Error where there is no such memory.
std::shared_ptr<const std::uint8_t> executable_code(std::span<const std::uint8_t> bytes);

/// Whether an error says that, or that a distance is larger than instructions have them: there is no code then. Any other one
/// says that what writes it is wrong.
bool is_limit(const Xbyak::Error& error);

}  // namespace thalweg::run
