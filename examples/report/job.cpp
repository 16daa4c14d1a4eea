#include "examples/report/job.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>

#include <fmt/format.h>

#include <thalweg/error.hpp>
#include <thalweg/threads.hpp>
#include <thalweg/train/dataset.hpp>

#include "examples/report/options.hpp"

namespace report {

namespace {

namespace fs = std::filesystem;

void check_data(const Options& options) {
  for (const Section& section : options.sections) {
    if (!section.needs_data) continue;
    try {
      thalweg::load_mnist(options.data);
    } catch (const thalweg::IoError& error) {
      throw UsageError(fmt::format("{}\n--data names the folder of the four MNIST files", error.what()));
    }
    return;
  }
}

/// Makes the section's folder and sees whether a file can be written there.
void check_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::path probe = folder / ".probe";
  const bool is_writable = !error && std::ofstream(probe).put('\n').good();
  fs::remove(probe, error);
  if (!is_writable)
    throw UsageError(fmt::format("{} cannot be written to; --out names another folder", folder.string()));
}

bool run_section(const Section& section, const Options& options) {
  const fs::path folder = options.out / section.id;
  fmt::print("{} {}\n", section.id, section.title);
  std::fflush(stdout);
  Results results(options.seeds.size());
  const auto start = std::chrono::steady_clock::now();
  section.run({.data = options.data, .seeds = options.seeds}, results);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  write_results(folder,
                {.section = section.id,
                 .title = section.title,
                 .data = section.needs_data ? options.data.string() : "none",
                 .seeds = options.seeds,
                 .threads = options.threads,
                 .seconds = seconds},
                results);
  fmt::print("\n{}{:.1f} s; written to {}\n\n", results.table(), seconds, folder.string());
  for (const auto& [name, figure] : results.figures()) draw(figure, folder / name);
  return results.all_inside();
}

}  // namespace

int run_job(int argc, const char* const* argv, std::span<const Section> sections) {
  constexpr int outside_band = 1, not_done = 2;
  try {
    const std::optional<Options> options = parse_options(argc, argv, sections);
    if (!options) return 0;
    check_data(*options);
    for (const Section& section : options->sections) check_folder(options->out / section.id);
    thalweg::set_thread_count(options->threads);
    bool all_inside = true;
    for (const Section& section : options->sections) all_inside = run_section(section, *options) && all_inside;
    return all_inside ? 0 : outside_band;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return not_done;
  }
}

}  // namespace report
