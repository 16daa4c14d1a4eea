// Each line of tests/edge_cases.md, numbered case and rule, has a test named after it.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include <catch2/catch.hpp>

namespace fs = std::filesystem;

namespace {

/// The first group of `pattern` wherever it occurs in the file.
void collect(const fs::path& path, const std::regex& pattern, std::set<std::string>& found) {
  std::ifstream file(path);
  REQUIRE(file);
  for (std::string line; std::getline(file, line);)
    for (std::sregex_iterator match(line.begin(), line.end(), pattern), end; match != end; ++match)
      found.insert((*match)[1]);
}

}  // namespace

TEST_CASE("edge cases: every line of the document has a test of its name, and every such test a line") {
  const fs::path folder = fs::path(THALWEG_SOURCE_FOLDER) / "tests";
  std::set<std::string> lines, names;
  collect(folder / "edge_cases.md", std::regex(R"(^(?:- )?(R\d+ |\d+\. ))"), lines);
  REQUIRE(lines.size() == 54 + 11);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".cpp")
      collect(entry.path(), std::regex(R"rx(^TEST_CASE\("(?:edge case |rule (?=R))(R?\d+): )rx"), names);
  std::set<std::string> unnamed;
  for (const std::string& line : lines) {
    const std::string name = line.substr(0, line.find_first_of(". "));
    if (names.erase(name) == 0) unnamed.insert(name);
  }
  for (const std::string& name : unnamed) {
    INFO("edge case " << name << " has no test: name one \"edge case " << name << ": ...\" (a rule: \"rule R...\")");
    CHECK(false);
  }
  for (const std::string& name : names) {
    INFO("a test is named after " << name << ", which the document has not");
    CHECK(false);
  }
}
