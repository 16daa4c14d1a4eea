#pragma once
// The thread pool of the process. Work is divided by shape alone, so results never depend on the number of threads.

#include <cstdint>
#include <memory>
#include <type_traits>

namespace thalweg::run {

/// The number of threads that the calling thread may use: its limit (thalweg::Threads), at most the pool's size.
/// 1 inside a task of the pool: nested work runs on the same thread.
int thread_limit();

/// Calls body(context, index) for every index in [0, count), on up to thread_limit() threads including the calling one,
/// and returns when all are done, each in the caller's floating-point mode. Allocates nothing after the pool has started. `body` must not throw.
/// Concurrent callers are safe: a caller that finds the pool busy does its work itself.
void parallel_for(std::int64_t count, void (*body)(void* context, std::int64_t index), void* context);

template <class Body>
void parallel_for(std::int64_t count, Body&& body) {
  using Function = std::remove_reference_t<Body>;
  parallel_for(
      count, [](void* context, std::int64_t index) { (*static_cast<Function*>(context))(index); },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

/// Called by a worker when it starts: allocates the scratch memory that sweeps usually need, so that a program's steady
/// state does not allocate when a worker gets its first task.
void prepare_thread();

}  // namespace thalweg::run
