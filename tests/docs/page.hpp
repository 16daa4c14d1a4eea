#pragma once
// Finds code on a page of the documentation, and checks that a compiled file contains it, ignoring white space.

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace docs {

/// A file of the repository, in whose folder tests run.
inline std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("cannot read " + file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline std::string without_spaces(std::string text) {
  std::erase_if(text, [](unsigned char character) { return std::isspace(character) != 0; });
  return text;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

/// The blocks between ```cpp and ```.
inline std::vector<std::string> code_blocks(const std::string& page) {
  std::vector<std::string> blocks;
  bool is_inside = false;
  for (const std::string& line : lines_of(page)) {
    if (line.starts_with("```")) {
      is_inside = line == "```cpp";
      if (is_inside) blocks.emplace_back();
    } else if (is_inside) {
      blocks.back() += line + "\n";
    }
  }
  return blocks;
}

/// The `code` in the second column of every table row.
inline std::vector<std::string> second_column(const std::string& page) {
  std::vector<std::string> entries;
  for (const std::string& line : lines_of(page)) {
    if (!line.starts_with("| ")) continue;
    const std::size_t first = line.find(" | ") + 3;
    const std::string cell = line.substr(first, line.find(" |", first) - first);
    for (std::size_t open = cell.find('`'); open != std::string::npos;) {
      const std::size_t close = cell.find('`', open + 1);
      entries.push_back(cell.substr(open + 1, close - open - 1));
      open = cell.find('`', close + 1);
    }
  }
  return entries;
}

/// The entries that the sources do not contain.
inline std::vector<std::string> missing(const std::vector<std::string>& entries, const std::string& sources) {
  std::vector<std::string> missing;
  const std::string code = without_spaces(sources);
  for (const std::string& entry : entries)
    if (code.find(without_spaces(entry)) == std::string::npos) missing.push_back(entry);
  return missing;
}

}  // namespace docs
