#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace thalweg::internal {

class Plan;
class Recorder;

/// Sees every pass of the calling thread's plans while it is set. None: one comparison a request.
class PassObserver {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~PassObserver() = default;
  virtual void request_began(const Recorder& recorder, const Plan& plan, Clock::time_point begin) = 0;
  virtual void pass_ended(const Recorder& recorder, const Plan& plan, std::size_t pass, Clock::time_point begin,
                          Clock::time_point end) = 0;
  virtual void request_ended(Clock::time_point end) = 0;
  /// What a pass has taken on average; 0 where it has not been seen.
  virtual double mean_seconds(const Plan& /*plan*/, std::size_t /*pass*/) const { return 0; }
};

[[gnu::tls_model("initial-exec")]] inline constinit thread_local PassObserver* pass_observer = nullptr;

}  // namespace thalweg::internal
