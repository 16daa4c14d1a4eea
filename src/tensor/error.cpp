#include <thalweg/error.hpp>

#include <cstring>

#include <fmt/format.h>

namespace thalweg {

std::string error_text(const char* op, const std::string& message, SourceLine line) {
  std::string text = fmt::format("[{}] {}", op, message);
  if (line.file == nullptr || *line.file == '\0') return text;
  const char* slash = std::strrchr(line.file, '/');
  return text + fmt::format(" at {}:{}", slash ? slash + 1 : line.file, line.line);
}

}  // namespace thalweg
