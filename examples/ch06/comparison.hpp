#pragma once
// What 6.1.7, 6.1.8 and 6.2.4 have in common: one network, trained on batches of MNIST.

#include <string>
#include <vector>

#include "examples/ch06/network.hpp"
#include "examples/ch06/training.hpp"
#include "examples/report/section.hpp"

namespace ch06 {

using Histories = std::vector<tw::History>;  // of one seed's variants

/// The net of 6.1.8 with SGD, which is that of 6.2.4 with He's weights.
constexpr const char* sgd_from_he = "784-100×4-10, He, SGD";

/// Mean loss over the 100 iterations from 100·block on.
double block_loss(const tw::History& training, int block);

/// Row `name`: mean losses of the book's blocks and the test accuracy, of variant `v` over the seeds.
void add_row(report::Results& results, const std::string& name, const std::vector<Histories>& seeds, std::size_t v,
             const std::vector<int>& blocks);

/// Smoothed losses of one seed's variants.
report::Panel loss_panel(const std::string& title, const std::vector<std::string>& names, const Histories& trainings,
                         double highest);

}  // namespace ch06
