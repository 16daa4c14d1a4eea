#pragma once
// What a stopped run needs to resume: parameters, optimizer state, step counts, positions of random streams, numbers.
//
//   Checkpoint checkpoint(registry);
//   checkpoint.add(optimizer).add("dropout", random).add("epoch", epoch);
//   if (std::filesystem::exists("run.safetensors")) checkpoint.load("run.safetensors");
//   while (epoch < 20) {
//     …
//     checkpoint.save("run.safetensors");
//   }
//
// A run that resumes from a checkpoint gives the same bits as an uninterrupted one, with any number of threads.
//
// The file is in the safetensors format (https://huggingface.co/docs/safetensors), which other programs read: 8 bytes
// with the length of the header, the header in JSON, then the numbers of each tensor, little-endian and row-major. The
// tensors are "parameter/NAME" and "state/OPTIMIZER.STATE/NAME". Everything else is in "__metadata__", whose values are
// strings: "format" is "thalweg 1", and "optimizer/NAME" and similar keys hold JSON.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <thalweg/optim/optimizer.hpp>
#include <thalweg/optim/schedules.hpp>
#include <thalweg/random.hpp>
#include <thalweg/registry.hpp>

namespace thalweg {

/// Collects what belongs to a run, and saves it to a file or loads it back. It refers to the added objects, which must
/// outlive it. Adding a name twice is a ValueError.
class Checkpoint {
 public:
  /// Includes all parameters of the registry, trainable or not.
  explicit Checkpoint(ParameterRegistry& registry) : registry_(registry) {}

  /// Adds an optimizer's state, step count, and learning rate if it was set by `set_learning_rate` as a number. The
  /// options and schedules are the program's: a run that resumes may have others. It must optimize parameters of this
  /// registry.
  Checkpoint& add(Optimizer& optimizer, SourceLine line = SourceLine::here());
  /// Adds the number of draws made so far. On loading, seed and stream must be those in the file.
  Checkpoint& add(const std::string& name, Random& random, SourceLine line = SourceLine::here());
  Checkpoint& add(const std::string& name, ReduceOnPlateau& plateau, SourceLine line = SourceLine::here());
  Checkpoint& add(const std::string& name, std::int64_t& number, SourceLine line = SourceLine::here());
  Checkpoint& add(const std::string& name, double& number, SourceLine line = SourceLine::here());

  /// Writes a new file, then replaces the old one with it, so that there is always a complete file. IoError naming the
  /// file if it cannot be written.
  void save(const std::string& path, SourceLine line = SourceLine::here()) const;

  /// Loads everything that was added, and ignores other contents of the file, such as the state of an optimizer that
  /// was not added. IoError naming the file, what was expected and what was found if the file is damaged, lacks
  /// something, or has parameters with other names, shapes or dtypes; then nothing has changed. TapeError while another
  /// thread's tape has read the registry.
  void load(const std::string& path, SourceLine line = SourceLine::here()) const;

 private:
  void check_new(const std::string& name, SourceLine line) const;

  ParameterRegistry& registry_;
  std::vector<Optimizer*> optimizers_;
  std::map<std::string, Random*> randoms_;
  std::map<std::string, ReduceOnPlateau*> plateaus_;
  std::map<std::string, std::int64_t*> integers_;
  std::map<std::string, double*> numbers_;
};

}  // namespace thalweg
