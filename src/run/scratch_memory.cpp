#include "src/run/scratch_memory.hpp"

#include "src/run/aligned_memory.hpp"
#include "src/run/thread_pool.hpp"

namespace thalweg::run {

constinit thread_local ScratchMemory scratch_memory{nullptr, 0};

void grow_scratch_memory(std::size_t bytes) {
  thread_local AlignedMemory owner;
  scratch_memory = {nullptr, 0};  // in case of a throw
  scratch_memory = {owner.at_least(bytes), bytes};
}

void prepare_thread() {
  constexpr std::size_t usual = std::size_t{1} << 20;
  if (scratch_memory.capacity < usual) grow_scratch_memory(usual);
}

}  // namespace thalweg::run
