#include <thalweg/train/interrupt.hpp>

#include <csignal>

namespace thalweg {

namespace {

constexpr int signals[] = {SIGINT, SIGTERM};
volatile std::sig_atomic_t interrupt_asked = 0;

using Handler = void (*)(int);
Handler previous[2] = {SIG_DFL, SIG_DFL};

void note(int signal) {
  interrupt_asked = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

Interrupt::Interrupt() {
  interrupt_asked = 0;
  for (int i = 0; i < 2; ++i) previous[i] = std::signal(signals[i], note);
}

Interrupt::~Interrupt() {
  for (int i = 0; i < 2; ++i) std::signal(signals[i], previous[i]);
  interrupt_asked = 0;
}

bool Interrupt::asked() { return interrupt_asked != 0; }

}  // namespace thalweg
