#pragma once
// The sections of chapter 6, techniques for learning. Each is a program of its own file.

#include "examples/report/results.hpp"
#include "examples/report/section.hpp"

namespace ch06 {

/// 6.1.2–6.1.6: the paths of SGD, Momentum, AdaGrad and Adam down a long valley.
void trajectories(const report::Run& run, report::Results& results);

/// 6.1.8: the same four train one network on MNIST.
void optimizers_mnist(const report::Run& run, report::Results& results);

}  // namespace ch06
