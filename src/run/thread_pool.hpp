#pragma once
// One small pool for the whole process. Work is split by shape alone, so results never depend on the number of threads.

#include <cstdint>
#include <memory>
#include <type_traits>

namespace thalweg::run {

/// How many threads the calling thread may use now: its limit (thalweg::Threads), at most the pool's size.
/// 1 inside a task of the pool: nested work runs where it is.
int thread_limit();

/// Calls body(context, index) for every index in [0, count), on up to thread_limit() threads, the calling one among
/// them; returns when all are done. Allocates nothing after the pool has started. `body` must not throw.
/// Side-by-side callers are safe: whoever finds the pool busy runs its own work.
void parallel_for(std::int64_t count, void (*body)(void* context, std::int64_t index), void* context);

template <class Body>
void parallel_for(std::int64_t count, Body&& body) {
  using Function = std::remove_reference_t<Body>;
  parallel_for(
      count, [](void* context, std::int64_t index) { (*static_cast<Function*>(context))(index); },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

/// What a worker does when it starts: it takes the memory that sweeps usually want, so that none is allocated in the middle
/// of a program's steady state, whenever a worker gets its first task.
void prepare_thread();

}  // namespace thalweg::run
