#pragma once
// The chapter's two ways of training.

#include <thalweg/thalweg.hpp>

namespace ch06 {

namespace tw = thalweg;

// [excerpt]
/// Training as in the book's programs on few samples: batches of 100, drawn with replacement, and measurements after the
/// first step of an epoch.
inline tw::TrainerOptions as_in_the_book(std::uint64_t seed, std::int64_t epochs, std::int64_t evaluate_every,
                                         tw::Progress& progress) {
  return {.epochs = epochs,
          .batch_size = 100,
          .seed = seed,
          .replacement = true,
          .evaluation = tw::Evaluation::first_step,
          .evaluate_every = evaluate_every,
          .progress = &progress};
}

/// Training as in the book's programs on all of MNIST: batches of 128, drawn with replacement, whose losses are noted after
/// they have been learned from.
inline tw::TrainerOptions on_drawn_batches(std::uint64_t seed, std::int64_t iterations, tw::Progress& progress) {
  return {.batch_size = 128,
          .seed = seed,
          .replacement = true,
          .steps_per_epoch = iterations,
          .loss_after_step = true,
          .progress = &progress};
}
// [/excerpt]

}  // namespace ch06
