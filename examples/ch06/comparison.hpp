#pragma once
// One network, trained on batches of MNIST: what 6.1.7, 6.1.8 and 6.2.4 compare.

#include <string>
#include <vector>

#include "examples/ch06/network.hpp"
#include "examples/report/section.hpp"

namespace ch06 {

struct Training {
  std::vector<double> losses;  // of batches, after they have been learned from, as the book has it
  double accuracy = 0;         // on the test set
  double step_seconds = 0;     // of the training steps alone
};

/// Trains on `iterations` batches of 128, drawn with replacement: the same ones for the same seed. Losses are those of
/// batch `first_loss` and later ones.
Training train(Net& net, tw::Optimizer& optimizer, const tw::Dataset& samples, std::uint64_t seed, int iterations,
               tw::Progress& progress, int first_loss = 0);

using Trainings = std::vector<Training>;  // of one seed

/// Mean loss over the 100 iterations from 100·block on.
double block_loss(const Training& training, int block);

/// Row `name`: mean losses of the book's blocks and the test accuracy, of variant `v` over the seeds.
void add_row(report::Results& results, const std::string& name, const std::vector<Trainings>& seeds, std::size_t v,
             const std::vector<int>& blocks);

/// Smoothed losses of one seed's variants.
report::Panel loss_panel(const std::string& title, const std::vector<std::string>& names, const Trainings& trainings,
                         double highest);

}  // namespace ch06
