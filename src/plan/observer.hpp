#pragma once
#include <chrono>
#include <cstddef>

namespace thalweg::internal {

class Plan;
class Recorder;

/// Is called for every pass of this thread's plans while it is set. Without one, the cost is a comparison per request.
class PassObserver {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~PassObserver() = default;
  virtual void request_began(const Recorder& recorder, const Plan& plan, Clock::time_point begin) = 0;
  virtual void pass_ended(const Recorder& recorder, const Plan& plan, std::size_t pass, Clock::time_point begin,
                          Clock::time_point end) = 0;
  virtual void request_ended(Clock::time_point end) = 0;
  /// Mean duration of a pass; 0 if it has not been observed.
  virtual double mean_seconds(const Plan& /*plan*/, std::size_t /*pass*/) const { return 0; }
};

[[gnu::tls_model("initial-exec")]] inline constinit thread_local PassObserver* pass_observer = nullptr;

}  // namespace thalweg::internal
