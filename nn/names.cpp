#include "nn/names.hpp"

#include <mutex>
#include <unordered_set>

#include <fmt/format.h>

#include <thalweg/error.hpp>

namespace thalweg::internal {

const char* interned_name(const std::string& name) {
  static std::mutex mutex;
  static std::unordered_set<std::string> names;
  const std::lock_guard lock(mutex);
  return names.insert(name).first->c_str();
}

void check_at_least_one(const char* layer, const char* what, std::int64_t number, SourceLine line) {
  if (number < 1) throw ValueError(error_text(layer, fmt::format("{} must be at least 1, got {}", what, number), line));
}

void check_names_are_free(const char* layer, const ParameterRegistry& registry, const std::string& name,
                          std::initializer_list<const char*> parts, SourceLine line) {
  if (name.empty()) throw ValueError(error_text(layer, "a layer needs a name", line));
  for (const char* part : parts) {
    const std::string full = name + "." + part;
    if (registry.contains(full))
      throw ValueError(error_text(layer, fmt::format("the registry has a parameter \"{}\" already", full), line));
  }
}

}  // namespace thalweg::internal
