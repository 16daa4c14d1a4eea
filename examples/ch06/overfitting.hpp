#pragma once
// What 6.4.2 and 6.4.3 have in common: a net of six hidden layers that learns 300 samples by heart.

#include <string>

#include "examples/ch06/network.hpp"
#include "examples/ch06/training.hpp"
#include "examples/report/section.hpp"

namespace ch06 {

/// Of 6.4.3; the 201 of 6.4.2 are the first of them.
constexpr std::int64_t overfitting_epochs = 301;
/// The net of both sections that has neither weight decay nor dropout.
constexpr const char* nothing_against_overfitting = "784-100×6-10, 300 samples";

struct Overfitted {
  tw::History history;       // with the accuracies "train" and "test"
  tw::Tensor probabilities;  // on the test set, at the end
};

inline double gap(const Overfitted& net, std::int64_t epoch) {
  return net.history.at("train", epoch) - net.history.at("test", epoch);
}

/// Row `name`: accuracies after `epoch`, of variant `v` over the seeds.
void add_accuracies(report::Results& results, const std::string& name,
                    const std::vector<std::vector<Overfitted>>& seeds, std::size_t v, std::int64_t epoch);

/// Accuracies in training and on the test set, up to `epoch`.
report::Panel accuracy_panel(const std::string& title, const Overfitted& net, std::int64_t epoch);

}  // namespace ch06
