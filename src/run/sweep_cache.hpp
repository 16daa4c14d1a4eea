#pragma once
// A cache of programs: sweeps that differ only in their buffers share one.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "src/run/sweep_program.hpp"

namespace thalweg::run {

struct SharedProgram {
  SharedProgram(const Sweep& of, SweepProgram&& made) : sweep(of), program(std::move(made)) {
    prepare_program(program);
  }

  Sweep sweep;  // with slots renamed to indices into the arguments
  SweepProgram program;
  std::size_t buffers = 0, numbers = 0;    // number of arguments of these kinds
  bool is_delayed = false;                 // whether it writes outputs after all reads
  std::shared_ptr<SharedProgram> delayed;  // the same sweep with delayed stores; compiled when buffers alias

  std::shared_ptr<SharedProgram> delay();
  std::size_t bytes() const;
};

class SweepCache {
 public:
  /// This thread's cache.
  static SweepCache& current();
  /// The program of `sweep`, and the slots of its arguments.
  std::shared_ptr<SharedProgram> program(const Sweep& sweep, std::vector<std::int32_t>& slots, bool& is_new);

 private:
  void rename_slots(const Sweep& sweep);

  Sweep renamed_;
  std::vector<std::int32_t> buffers_, numbers_, draws_;  // the sweep's slots, by renamed slot
  std::unordered_multimap<std::uint64_t, std::shared_ptr<SharedProgram>> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace thalweg::run
