#include "examples/ch06/sections.hpp"
#include "examples/report/job.hpp"

int main(int argc, char** argv) {
  const report::Section sections[] = {
      {.id = "6.1.2-6.1.6",
       .title = "Four optimizers on f(x, y) = x²/20 + y²",
       .covers = {"6.1.2", "6.1.3", "6.1.4", "6.1.5", "6.1.6"},
       .run = ch06::trajectories},
      {.id = "6.1.8",
       .title = "Four optimizers on MNIST",
       .covers = {"6.1.8"},
       .needs_data = true,
       .run = ch06::optimizers_mnist},
  };
  return report::run_job(argc, argv, sections);
}
