#pragma once
#include <string>

#include <thalweg/error.hpp>

namespace thalweg::internal {

/// "file.cpp:12", without the folder of the file; empty if the line is unknown.
std::string place_text(SourceLine line);

/// " at file.cpp:12", the end of an error message; empty if the line is unknown.
std::string at_place(SourceLine line);

}  // namespace thalweg::internal
