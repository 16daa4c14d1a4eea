#pragma once
// Named tensors in the safetensors file format (https://huggingface.co/docs/safetensors), which PyTorch, JAX and MLX
// programs read and write too: to exchange weights with them.
//
//   for (const auto& [name, tensor] : load_safetensors("encoder.safetensors"))
//     if (registry.contains("model." + name)) registry["model." + name].set_value(tensor);
//
// To resume a run use Checkpoint, whose files are in this format as well.

#include <map>
#include <string>

#include <thalweg/error.hpp>
#include <thalweg/tensor.hpp>

namespace thalweg {

/// All tensors of the file, by name. F16 and BF16 are converted to f32, integers of 8 to 32 bits to i64, both exactly.
/// IoError naming the file if it cannot be read, is damaged, or has another dtype.
std::map<std::string, Tensor> load_safetensors(const std::string& path, SourceLine line = SourceLine::here());

/// Writes a new file, then replaces the old one with it, so that there is always a complete file. IoError naming the
/// file if it cannot be written.
void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                      SourceLine line = SourceLine::here());

}  // namespace thalweg
