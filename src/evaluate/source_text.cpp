#include "src/evaluate/source_text.hpp"

#include <filesystem>
#include <fstream>

namespace thalweg::internal {

namespace {

/// Builds name files relative to the build folder: looks in the working folder and its parents.
std::ifstream open_source(const std::filesystem::path& file) {
  if (std::ifstream stream(file); stream) return stream;
  std::filesystem::path inner;
  for (const std::filesystem::path& part : file)
    if (part != "..") inner /= part;
  std::error_code ignored;
  for (std::filesystem::path folder = std::filesystem::current_path(ignored); folder.has_relative_path();
       folder = folder.parent_path())
    if (std::ifstream stream(folder / inner); stream) return stream;
  return {};
}

}  // namespace

std::string SourceText::line(SourceLine place) {
  if (place.line == 0) return "";
  const auto [at, is_new] = files_.try_emplace(place.file);
  if (is_new) {
    std::ifstream stream = open_source(place.file);
    for (std::string text; std::getline(stream, text);) at->second.push_back(text);
  }
  if (place.line > at->second.size()) return "";
  const std::string& text = at->second[place.line - 1];
  const std::size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t\r");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

}  // namespace thalweg::internal
