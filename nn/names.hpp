#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>

#include <thalweg/registry.hpp>

namespace thalweg::internal {

/// `name` at an address that is valid until the process ends: a scope's name must outlive tapes, which may outlive
/// layers. Equal names have the same address.
const char* interned_name(const std::string& name);

/// ValueError for a number below 1.
void check_at_least_one(const char* layer, const char* what, std::int64_t number, SourceLine line);

/// ValueError if NAME.PART is taken for any of the parts. Call it before registering them.
void check_names_are_free(const char* layer, const ParameterRegistry& registry, const std::string& name,
                          std::initializer_list<const char*> parts, SourceLine line);

}  // namespace thalweg::internal
