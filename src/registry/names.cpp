// Name patterns, and suggestions for unknown names.

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "src/registry/core.hpp"

namespace thalweg::internal {

bool matches(std::string_view pattern, std::string_view text) {
  // The last '*' matches as little as possible; on a mismatch it takes one character more.
  constexpr std::size_t none = std::string_view::npos;
  std::size_t p = 0, t = 0, star = none, star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != none) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

namespace {

/// Levenshtein distance: the number of characters to insert, delete or replace.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

}  // namespace

std::string closest_names(std::string_view name, const std::vector<std::string_view>& candidates) {
  constexpr std::size_t shown = 3;
  std::size_t least = std::string_view::npos;
  std::vector<std::string_view> closest;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < least) closest.clear();
    least = std::min(least, distance);
    if (distance == least && closest.size() < shown) closest.push_back(candidate);
  }
  if (closest.empty()) return "; there are none";
  std::string text = closest.size() == 1 ? "; the closest is " : "; the closest are ";
  for (std::size_t i = 0; i < closest.size(); ++i) text += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", closest[i]);
  return text;
}

}  // namespace thalweg::internal
