#include "src/tape/scopes.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace thalweg::internal {

std::string Scopes::name_of(std::int32_t scope) const {
  std::string name;
  for (; scope >= 0; scope = (*this)[scope].parent)
    name = name.empty() ? (*this)[scope].name : fmt::format("{}/{}", (*this)[scope].name, name);
  return name;
}

std::string Scopes::path_to_op(std::int32_t scope, const char* op) const {
  std::string path = op_of(scope, op);
  for (; scope >= 0; scope = (*this)[scope].parent)
    if ((*this)[scope].op == nullptr) path = fmt::format("{}/{}", (*this)[scope].name, path);
  return path;
}

std::vector<std::int32_t> Scopes::path_of(std::int32_t scope) const {
  std::vector<std::int32_t> path;
  for (; scope >= 0; scope = (*this)[scope].parent) path.push_back(scope);
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace thalweg::internal
