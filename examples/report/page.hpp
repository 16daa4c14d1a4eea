#pragma once
// The page about a job: one HTML file with everything in it, made of what the sections' results.json say.

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "examples/report/section.hpp"

namespace report {

/// What the page says about a section, in one language. HTML; in `seen`, {{NAME|FORMAT}} stands for the number of that
/// name, written as FORMAT says (fmt's, or .1% for percent; without one, in four digits).
struct SectionText {
  std::string id = {};
  std::string title = {};
  std::string idea = {};     // a paragraph before the formula
  std::string formula = {};  // may be empty
  std::string seen = {};     // what is seen in the picture and the numbers
};

/// What the page says in one language.
struct PageText {
  std::string language = {};  // "en"
  std::string title = {}, introduction = {};
  std::string how_to_read = {};  // the tables
  // Words of the frame.
  std::string contents = {}, ours = {}, band = {}, ten_seeds = {}, inside = {}, outside = {}, verdict = {}, failed = {},
              not_run = {}, source = {}, run_with = {}, incomplete = {};
  std::vector<SectionText> sections = {};
  /// Words in the results, rows, columns, captions and notes, that this language has other ones for.
  std::map<std::string, std::string> words = {};
};

/// An excerpt of a section's source.
struct Excerpt {
  std::string section, file, text;
};

/// The page, from the results in `out`. A section without results is shown as not run, one with broken ones as failed with
/// the reason.
std::string page(const std::filesystem::path& out, std::span<const Section> sections, const PageText& text,
                 std::span<const Excerpt> excerpts);

/// `text` with the numbers filled in; IoError naming one that there is not.
std::string filled(const std::string& text, const SavedResults& results);

}  // namespace report
