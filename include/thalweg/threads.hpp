#pragma once
// How many threads the library may use. Results never depend on it: the same bits on one thread and on many.

#include <thalweg/error.hpp>

namespace thalweg {

/// The size of the library's thread pool, the calling thread among them: the hardware's number of threads, unless the
/// environment variable THALWEG_THREADS (a whole number from 1 to 256; anything else is ignored) or `set_thread_count`
/// says otherwise.
int thread_count();

/// Sets the pool's size for the whole process, also beyond what the hardware has. Throws ValueError outside 1 to 256.
/// Threads start when they are first needed; with a count of 1 none ever does.
void set_thread_count(int count, SourceLine line = SourceLine::here());

/// Limits the calling thread to `limit` threads, itself among them, until the end of the scope; then the limit before it
/// holds again. `Threads limit(1);` keeps all work on the calling thread. The innermost limit holds, up to the pool's
/// size. Throws ValueError for a limit below 1.
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
