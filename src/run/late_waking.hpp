#pragma once
// Whether work that has never run before is worth waking a worker for.

namespace thalweg::run {

/// While it lives, the jobs of its thread have the help of workers that are awake, and start or wake others only once they
/// have lasted about as long as that takes. For work that may never come again: whether it gains by help is not measured.
class LateWaking {
 public:
  explicit LateWaking(bool is_late);
  ~LateWaking();
  LateWaking(const LateWaking&) = delete;
  LateWaking& operator=(const LateWaking&) = delete;

 private:
  bool previous_;
};

}  // namespace thalweg::run
