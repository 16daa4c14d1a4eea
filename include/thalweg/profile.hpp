#pragma once
// Where the time goes. Link thalweg::graph.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <thalweg/error.hpp>

namespace thalweg {

/// What a pass, an op or a source line has cost while a Profiler lived.
struct ProfileEntry {
  std::string name;   // "matmul (128, 784) · (784, 100)", an op, a place in the program
  std::string place;  // "main.cpp:12 (affine1)"; empty where it is the name
  std::int64_t calls = 0;
  double seconds = 0;
  std::int64_t bytes = 0;        // moved between memory and kernels
  std::int64_t flops = 0;        // see TapeGraph::flops
  std::int64_t allocations = 0;  // blocks of memory that the engine took from the system meanwhile
};

struct ProfilerOptions {
  std::int64_t max_events = 1'000'000;  // of the trace; what comes later is in the tables only
};

/// Times every pass over memory of this thread's planned tapes while it lives; one at a time. Off, it costs a comparison a
/// request; on, two readings of the clock a pass.
///
///   {
///     tw::Profiler profiler;
///     train();
///     fmt::print("{}", profiler.table());
///     profiler.write_trace("training.json");   // for Perfetto or chrome://tracing
///   }
class Profiler {
 public:
  /// TapeError where the thread has one already.
  explicit Profiler(const ProfilerOptions& options = {}, SourceLine line = SourceLine::here());
  ~Profiler();
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;

  /// By pass, by op and by the user's source line, the dearest first. A fused pass's time, bytes and allocations are
  /// divided among its ops by the work of each.
  std::vector<ProfileEntry> by_pass() const;
  std::vector<ProfileEntry> by_op() const;
  std::vector<ProfileEntry> by_line() const;
  /// Seconds inside requests, passes and what is between them.
  double seconds() const;

  /// The three tables as text, up to `rows` rows each.
  std::string table(std::size_t rows = 20) const;
  /// Every request and pass as a Chrome trace. IoError where the file cannot be written.
  void write_trace(const std::filesystem::path& file, SourceLine line = SourceLine::here()) const;

 private:
  class Recording;
  std::unique_ptr<Recording> recording_;
};

}  // namespace thalweg
