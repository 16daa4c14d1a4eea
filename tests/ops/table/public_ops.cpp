#include "tests/ops/table/public_ops.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <stdexcept>

namespace thalweg::op_table {

namespace {

/// The names of functions declared at the outer level: a type, a name and a parenthesis at the start of a line.
std::vector<std::string> declared_functions(const std::filesystem::path& header) {
  static const std::regex declaration(R"(^(?:[A-Za-z_:]+(?:<[^(]*>)?) (\w+)\(.*)");
  static const std::regex other(
      R"(^(?:inline|return|class|struct|using|template|namespace|constexpr|explicit|static)\b.*)");
  std::ifstream file(header);
  if (!file) throw std::runtime_error("cannot read " + header.string());
  std::vector<std::string> names;
  bool is_internal = false;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("namespace internal", 0) == 0) is_internal = true;
    if (line.rfind("}  // namespace internal", 0) == 0) is_internal = false;
    std::smatch match;
    if (is_internal || std::regex_match(line, other) || !std::regex_match(line, match, declaration)) continue;
    if (std::find(names.begin(), names.end(), match[1]) == names.end()) names.push_back(match[1]);
  }
  return names;
}

}  // namespace

std::vector<PublicOp> public_ops() {
  const std::filesystem::path include = std::filesystem::path(THALWEG_SOURCE_FOLDER) / "include/thalweg";
  std::vector<std::filesystem::path> headers;
  for (const auto& entry : std::filesystem::directory_iterator(include / "ops")) headers.push_back(entry.path());
  std::sort(headers.begin(), headers.end());
  std::vector<PublicOp> ops;
  const auto add = [&](const std::string& name, const std::string& header) {
    const bool known = std::any_of(ops.begin(), ops.end(), [&](const PublicOp& op) { return op.name == name; });
    if (!known) ops.push_back({name, header});
  };
  for (const std::filesystem::path& header : headers)
    for (const std::string& name : declared_functions(header)) add(name, "ops/" + header.filename().string());
  // Ops among other declarations.
  add("cast", "op.hpp");
  add("chain", "op.hpp");
  add("column_index", "op.hpp");
  add("stop_gradient", "differentiate.hpp");
  return ops;
}

}  // namespace thalweg::op_table
