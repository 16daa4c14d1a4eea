#pragma once
// The library's thread pool, as large as a test wants it.

#include <thalweg/threads.hpp>

namespace thalweg::testing {

/// A pool of `count` threads until the end of the scope; then as before.
class PoolSize {
 public:
  explicit PoolSize(int count) : previous_(thread_count()) { set_thread_count(count); }
  ~PoolSize() { set_thread_count(previous_); }
  PoolSize(const PoolSize&) = delete;
  PoolSize& operator=(const PoolSize&) = delete;

 private:
  int previous_;
};

}  // namespace thalweg::testing
