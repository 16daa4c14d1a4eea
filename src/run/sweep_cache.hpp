#pragma once
// Programs of sweeps that differ in nothing but their buffers: compiled once, then copied.

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "src/run/sweep_program.hpp"

namespace thalweg::run {

/// Which buffer, number and draw of a sweep stands for which slot of a sweep like it.
struct SlotNames {
  std::vector<std::int32_t> buffers, numbers, draws;
};

class SweepCache {
 public:
  /// This thread's.
  static SweepCache& current();
  /// The program of `sweep`. `is_delayed`: its outputs are written after everything has been read.
  SweepProgram program(const Sweep& sweep, bool& is_delayed);

 private:
  struct Entry {
    Sweep sweep;  // slots are numbered in the order of their first use
    SweepProgram program;
    bool is_delayed = false;
  };
  void rename_slots(const Sweep& sweep);

  Sweep renamed_;
  SlotNames names_;
  std::unordered_multimap<std::uint64_t, Entry> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace thalweg::run
