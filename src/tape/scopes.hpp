#pragma once
// The scopes that were opened on a tape. A scope is named by its index; −1 is none.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/tape/node.hpp"

namespace thalweg::internal {

class Scopes {
 public:
  std::int32_t size() const { return static_cast<std::int32_t>(entries_.size()); }
  const ScopeEntry& operator[](std::int32_t scope) const { return entries_[static_cast<std::size_t>(scope)]; }
  std::span<const ScopeEntry> from(std::int32_t first) const {
    return std::span(entries_).subspan(static_cast<std::size_t>(first));
  }
  /// Opens a scope in scope `parent`. `op`: its name if it is an OpScope, else null.
  std::int32_t open(const char* name, std::int32_t parent, SourceLine line, const char* op) {
    entries_.push_back({name, parent, line, op_of(parent, op)});
    return size() - 1;
  }
  bool empty() const { return entries_.empty(); }
  void clear() { entries_.clear(); }

  /// The outermost OpScope's name; `op` without one.
  const char* op_of(std::int32_t scope, const char* op) const {
    const char* const outermost = scope >= 0 ? (*this)[scope].op : nullptr;
    return outermost != nullptr ? outermost : op;
  }
  /// What op_of gives, with the scopes around it: "affine1/matmul".
  std::string path_to_op(std::int32_t scope, const char* op) const;
  /// The line of the outermost scope; `line` without one.
  SourceLine line_of(std::int32_t scope, SourceLine line) const {
    for (; scope >= 0; scope = (*this)[scope].parent) line = (*this)[scope].line;
    return line;
  }
  /// "affine1/relu"
  std::string name_of(std::int32_t scope) const;
  /// The scope and those around it, outermost first.
  std::vector<std::int32_t> path_of(std::int32_t scope) const;

 private:
  std::vector<ScopeEntry> entries_;
};

}  // namespace thalweg::internal
