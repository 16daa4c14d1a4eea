#pragma once
// Graceful Ctrl-C: the current step is finished, and results can be saved.

namespace thalweg {

/// During its lifetime, the first Ctrl-C (SIGINT, or SIGTERM) is only noted; a second one ends the process as usual.
/// Loops of the library (Trainer, searches, side_by_side) then stop at their next step. At most one may exist.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// Whether an interrupt was requested; false if there is no Interrupt.
  static bool asked();
};

}  // namespace thalweg
