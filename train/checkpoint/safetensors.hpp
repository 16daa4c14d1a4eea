#pragma once
// Files of named tensors in the format of safetensors: 8 bytes (little-endian) with the length of the header; the header,
// JSON: {"__metadata__": {…texts…}, NAME: {"dtype": "F32", "shape": […], "data_offsets": [begin, end]}, …}; the data.

#include <map>
#include <string>

#include <thalweg/error.hpp>
#include <thalweg/tensor.hpp>

namespace thalweg {

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;
};

/// IoError naming the file and what is wrong with it.
SafetensorsFile read_safetensors(const std::string& path, SourceLine line);

/// Under another name first, then renamed: whoever opens `path` finds a whole file.
void write_safetensors(const std::string& path, const SafetensorsFile& file, SourceLine line);

}  // namespace thalweg
