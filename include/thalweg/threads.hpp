#pragma once
// The number of threads the library may use. Results never depend on it: any number of threads gives the same bits.

#include <thalweg/error.hpp>

namespace thalweg {

/// The size of the library's thread pool, including the calling thread: the number of hardware threads, unless the
/// environment variable THALWEG_THREADS (an integer from 1 to 256; for anything else the first tape throws a ValueError)
/// or `set_thread_count` overrides it.
int thread_count();

/// Sets the pool's size for the whole process; it may exceed the number of hardware threads. ValueError outside 1 to
/// 256. Threads start when they are first needed; with a count of 1 none ever starts.
void set_thread_count(int count, SourceLine line = SourceLine::here());

/// Limits the calling thread to `limit` threads, including itself, during the guard's lifetime: `Threads limit(1);`
/// keeps all work on the calling thread. Of nested limits the innermost applies, up to the pool's size. ValueError for
/// a limit below 1.
class Threads {
 public:
  explicit Threads(int limit, SourceLine line = SourceLine::here());
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int previous_;
};

}  // namespace thalweg
