#pragma once
// The sections of chapter 6, techniques for learning. Each is a program of its own file.

#include "examples/report/job.hpp"
#include "examples/report/results.hpp"
#include "examples/report/section.hpp"

namespace ch06 {

void sgd(const report::Run& run, report::Results& results);                    // 6.1.2–6.1.3
void momentum(const report::Run& run, report::Results& results);               // 6.1.4
void adagrad(const report::Run& run, report::Results& results);                // 6.1.5
void adam(const report::Run& run, report::Results& results);                   // 6.1.6
void which_optimizer(const report::Run& run, report::Results& results);        // 6.1.7
void optimizers_mnist(const report::Run& run, report::Results& results);       // 6.1.8
void equal_weights(const report::Run& run, report::Results& results);          // 6.2.1
void activation_histograms(const report::Run& run, report::Results& results);  // 6.2.2–6.2.3
void weights_mnist(const report::Run& run, report::Results& results);          // 6.2.4
void batch_norm_graph(const report::Run& run, report::Results& results);       // 6.3.1
void batch_norm(const report::Run& run, report::Results& results);             // 6.3.2
void weight_decay(const report::Run& run, report::Results& results);           // 6.4.1–6.4.2
void dropout(const report::Run& run, report::Results& results);                // 6.4.3
void search(const report::Run& run, report::Results& results);                 // 6.5
void gradient_check(const report::Run& run, report::Results& results);

/// All of them, with the book's numbers and the page that shows both.
report::Job chapter();

}  // namespace ch06
