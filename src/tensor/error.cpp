#include <thalweg/error.hpp>

#include <string_view>

#include <fmt/format.h>

#include "src/tensor/place_text.hpp"

namespace thalweg {

std::string internal::place_text(SourceLine line) {
  if (line.file == nullptr || *line.file == '\0') return "";
  const std::string_view path = line.file;
  return fmt::format("{}:{}", path.substr(path.rfind('/') + 1), line.line);
}

std::string internal::at_place(SourceLine line) {
  const std::string place = place_text(line);
  return place.empty() ? "" : " at " + place;
}

std::string error_text(std::string_view op, const std::string& message, SourceLine line) {
  return fmt::format("[{}] {}{}", op, message, internal::at_place(line));
}

}  // namespace thalweg
