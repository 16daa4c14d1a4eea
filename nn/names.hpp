#pragma once
#include <initializer_list>
#include <string>

#include <thalweg/registry.hpp>

namespace thalweg::internal {

/// `name` at an address that holds until the process ends, the same for equal names: a scope's name must outlive tapes,
/// which may outlive layers.
const char* interned_name(const std::string& name);

/// ValueError where NAME.PART is taken for one of the parts, before any is registered.
void check_names_are_free(const char* layer, const ParameterRegistry& registry, const std::string& name,
                          std::initializer_list<const char*> parts, SourceLine line);

}  // namespace thalweg::internal
