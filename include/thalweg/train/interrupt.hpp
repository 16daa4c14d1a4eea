#pragma once
// Ctrl-C as a wish: the step under way is finished, and what there is can be kept.

namespace thalweg {

/// While one lives, the first Ctrl-C (SIGINT, or SIGTERM) is only noted; a second one ends the process as usual. Loops of
/// the library (Trainer, searches, side_by_side) end at their next step then. One at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// Whether an interrupt was asked for. False where no Interrupt lives.
  static bool asked();
};

}  // namespace thalweg
