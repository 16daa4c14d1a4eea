// rows "k=v;k=v" "threads=1;seconds=2": one row of the benchmark, as one JSON line. bench/peers/peers.py starts it.

#include <cstdio>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <thalweg/threads.hpp>

#include "bench/rows.hpp"

namespace {

using bench::Measurement;
using bench::Spec;

Measurement run(const Spec& spec) {
  static const std::map<std::string, Measurement (*)(const Spec&)> kinds = {
      {"mlp", bench::run_mlp},        {"rnn", bench::run_rnn},
      {"ops", bench::run_op_chain},   {"graphs", bench::run_random_graphs},
      {"fn", bench::run_function},    {"matmul", bench::run_matmul},
      {"opadd", bench::run_addition}, {"hvp", bench::run_hessian_product},
      {"opt", bench::run_optimizer}};
  const auto kind = kinds.find(spec.text("kind"));
  if (kind == kinds.end()) throw std::runtime_error("no rows of kind " + spec.text("kind") + " here");
  return kind->second(spec);
}

/// Of this program alone: what getrusage says includes the process that started it.
double peak_megabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  return 0;
}

void print(const Measurement& result) {
  const thalweg::Statistics& step = result.step;
  fmt::print(
      R"({{"version": "{}", "value": {:.7g}, "min": {:.7g}, "max": {:.7g}, "steps": {}, "compile_s": {:.4g}, )"
      R"("peak_rss_mb": {:.1f}, "kernels": {}, "bytes": {}, "plans": {}, "recording_mb": {:.1f}, "check": [{:.9g}]}})"
      "\n",
      THALWEG_VERSION, result.value, result.min, result.max, result.steps, result.compile_seconds, peak_megabytes(),
      step.sweeps + step.matmuls + step.other_kernels, step.bytes_moved, step.plans_made,
      static_cast<double>(step.recording_bytes) / (1 << 20), fmt::join(result.check, ", "));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Spec spec(argc, argv);
    thalweg::set_thread_count(static_cast<int>(spec.integer("threads")));
    print(run(spec));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
