#pragma once
// What a stopped run needs to go on: parameters, optimizer state, step counts, positions of random streams, numbers.
//
//   Checkpoint checkpoint(registry);
//   checkpoint.add(optimizer).add("dropout", random).add("epoch", epoch);
//   if (std::filesystem::exists("run.safetensors")) checkpoint.load("run.safetensors");
//   while (epoch < 20) {
//     …
//     checkpoint.save("run.safetensors");
//   }
//
// A run that goes on from a checkpoint gives the same bits as one that was not stopped, with any number of threads.
//
// The file is one of safetensors (https://huggingface.co/docs/safetensors), which other programs read: 8 bytes with the
// length of a header, the header in JSON, then the numbers of each tensor, little-endian and row-major. The tensors are
// "parameter/NAME" and "state/OPTIMIZER.STATE/NAME"; all else stands in "__metadata__", whose values are texts: "format" is
// "thalweg 1", "optimizer/NAME" and the like hold JSON.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <thalweg/optim/optimizer.hpp>
#include <thalweg/optim/schedules.hpp>
#include <thalweg/random.hpp>
#include <thalweg/registry.hpp>

namespace thalweg {

/// Names what belongs to a run, and writes it to a file or reads it back. It refers to what was added, which must outlive
/// it. A name that was added already is a ValueError.
class Checkpoint {
 public:
  /// All parameters of the registry, those that are not trained too.
  explicit Checkpoint(ParameterRegistry& registry) : registry_(registry) {}

  /// Its state and step count. The registry must be this one.
  Checkpoint& add(Optimizer& optimizer, SourceLine line = SourceLine::here());
  /// How many draws it has made; seed and stream must be those of the file.
  Checkpoint& add(const std::string& name, Random& random, SourceLine line = SourceLine::here());
  Checkpoint& add(const std::string& name, ReduceOnPlateau& plateau, SourceLine line = SourceLine::here());
  Checkpoint& add(const std::string& name, std::int64_t& number, SourceLine line = SourceLine::here());
  Checkpoint& add(const std::string& name, double& number, SourceLine line = SourceLine::here());

  /// Writes a new file and puts it in place of an old one at the end, so that there is always a whole one. IoError naming
  /// the file where it cannot be written.
  void save(const std::string& path, SourceLine line = SourceLine::here()) const;

  /// Reads back all that was added. What the file has beyond that (the state of an optimizer that was not added) is left
  /// aside, but for parameters. IoError naming the file, what was expected and what was found, where the file is damaged,
  /// lacks something, or has parameters of other names, shapes or dtypes; nothing has changed then. TapeError while another
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
