#pragma once
// Where the time goes. Link thalweg::graph.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <thalweg/error.hpp>

namespace thalweg {

/// The cost of a pass, an op or a source line during a Profiler's lifetime.
struct ProfileEntry {
  std::string name;   // "matmul (128, 784) · (784, 100)", an op, a place in the program
  std::string place;  // "main.cpp:12 (affine1)"; empty if `name` is the line
  std::int64_t calls = 0;
  double seconds = 0;
  std::int64_t bytes = 0;        // moved between memory and kernels
  std::int64_t flops = 0;        // see TapeGraph::flops
  std::int64_t allocations = 0;  // blocks of memory that the engine requested from the system
};

struct ProfilerOptions {
  std::int64_t max_events = 1'000'000;  // in the trace; later ones appear in the tables only
};

/// Times every pass over memory of this thread's planned tapes during its lifetime; one profiler at a time. Without
/// one, the cost is a comparison per request; with one, two clock readings per pass.
///
///   {
///     tw::Profiler profiler;
///     train();
///     fmt::print("{}", profiler.table());
///     profiler.write_trace("training.json");   // for Perfetto or chrome://tracing
///   }
class Profiler {
 public:
  /// TapeError if the thread has one already.
  explicit Profiler(const ProfilerOptions& options = {}, SourceLine line = SourceLine::here());
  ~Profiler();
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;

  /// By pass, op or source line, most expensive first. The time, bytes and allocations of a fused pass are divided
  /// among its ops in proportion to their work.
  std::vector<ProfileEntry> by_pass() const;
  std::vector<ProfileEntry> by_op() const;
  std::vector<ProfileEntry> by_line() const;
  /// Total seconds in requests: their passes and what is between them.
  double seconds() const;

  /// The three tables as text, up to `rows` rows each.
  std::string table(std::size_t rows = 20) const;
  /// Every request and pass as a Chrome trace. IoError if the file cannot be written.
  void write_trace(const std::filesystem::path& file, SourceLine line = SourceLine::here()) const;

 private:
  class Recording;
  std::unique_ptr<Recording> recording_;
};

}  // namespace thalweg
