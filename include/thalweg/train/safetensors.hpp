#pragma once
// Files of named tensors in the format of safetensors (https://huggingface.co/docs/safetensors), which programs for PyTorch,
// JAX and MLX write and read too: weights that come from elsewhere, or that have other names there.
//
//   for (const auto& [name, tensor] : load_safetensors("encoder.safetensors"))
//     if (registry.contains("model." + name)) registry["model." + name].set_value(tensor);
//
// A run that goes on where it stopped is kept by a Checkpoint, whose file is one of these.

#include <map>
#include <string>

#include <thalweg/error.hpp>
#include <thalweg/tensor.hpp>

namespace thalweg {

/// All tensors of the file, by name. F16 and BF16 are read as f32, whole numbers of 8 to 32 bits as i64, which have all of
/// their values. IoError naming the file where it cannot be read, is damaged, or holds another dtype.
std::map<std::string, Tensor> load_safetensors(const std::string& path, SourceLine line = SourceLine::here());

/// Writes a new file and puts it in place of an old one at the end, so that there is always a whole one. IoError naming the
/// file where it cannot be written.
void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                      SourceLine line = SourceLine::here());

}  // namespace thalweg
