#pragma once
#include <string_view>

#include <thalweg/error.hpp>

namespace thalweg::internal {

/// Within the handler of `error`.
[[noreturn]] inline void throw_for(const char* op, SourceLine line, const ShapeError& error) {
  constexpr std::string_view of_shape = "[shape] ";
  const std::string_view text = error.what();
  if (!text.starts_with(of_shape)) throw;
  const std::string_view reason = text.substr(0, text.rfind(" at ")).substr(of_shape.size());
  throw ShapeError(error_text(op, std::string(reason), line));
}

/// What `make` gives. A Shape that cannot be made, or has no memory, knows nothing of ops: its error becomes one of `op`, at
/// `line` instead of the library's own.
template <class Make>
auto made_for(const char* op, SourceLine line, const Make& make) {
  try {
    return make();
  } catch (const ShapeError& error) {
    throw_for(op, line, error);
  }
}

}  // namespace thalweg::internal
