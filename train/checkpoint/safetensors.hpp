#pragma once
// The safetensors file format: 8 bytes (little-endian) with the length of the header; the header in JSON,
// {"__metadata__": {…strings…}, NAME: {"dtype": "F32", "shape": […], "data_offsets": [begin, end]}, …}; the data.

#include <map>
#include <string>

#include <thalweg/error.hpp>
#include <thalweg/tensor.hpp>

namespace thalweg {

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;
};

/// Throws an IoError naming the file and the problem.
SafetensorsFile read_safetensors(const std::string& path, SourceLine line);

/// Writes under another name first, then renames: a reader of `path` always finds a complete file.
void write_safetensors(const std::string& path, const SafetensorsFile& file, SourceLine line);

}  // namespace thalweg
