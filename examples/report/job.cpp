#include "examples/report/job.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <future>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <thalweg/error.hpp>
#include <thalweg/threads.hpp>

#include "examples/report/options.hpp"

namespace report {

namespace {

namespace fs = std::filesystem;

constexpr int outside_band = 1, not_done = 2, interrupted = 130;

bool need_data(const std::vector<Section>& sections) {
  return std::any_of(sections.begin(), sections.end(), [](const Section& section) { return section.needs_data; });
}

std::optional<thalweg::Mnist> load(const Options& options) {
  if (options.is_page_only || !need_data(options.sections)) return std::nullopt;
  try {
    return thalweg::load_mnist(options.data);
  } catch (const thalweg::IoError& error) {
    throw UsageError(fmt::format("{}\n--data names the folder of the four MNIST files", error.what()));
  }
}

/// Which data set this is: its first labels tell.
std::string name_of(const thalweg::Mnist& mnist) {
  if (mnist.train.size() != 60000 || mnist.test.size() != 10000) return "other";
  const thalweg::Tensor labels = mnist.train.first(10).all().labels;
  if (thalweg::identical(labels, {5, 0, 4, 1, 9, 2, 1, 3, 1, 4})) return "MNIST";
  if (thalweg::identical(labels, {9, 0, 0, 3, 0, 2, 7, 2, 5, 5})) return "Fashion-MNIST";
  return "other";
}

/// Makes the folder and sees whether a file can be written there.
void check_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::path probe = folder / ".probe";
  const bool is_writable = !error && std::ofstream(probe).put('\n').good();
  fs::remove(probe, error);
  if (!is_writable)
    throw UsageError(fmt::format("{} cannot be written to; --out names another folder", folder.string()));
}

std::vector<BandTable> bands_of(const Job& job, const Section& section, const std::string& data) {
  std::vector<BandTable> bands;
  for (const BandTable& table : job.bands)
    if (table.section == section.id && (table.data.empty() || table.data == data)) bands.push_back(table);
  return bands;
}

enum class Outcome { inside, outside, failed };

/// A section whose numbers are there; its pictures are still to be drawn.
struct Measured {
  const Section* section;
  ResultsHeader header;
  Results results;
};

class Runner {
 public:
  Runner(const Job& job, const Options& options, const std::optional<thalweg::Mnist>& mnist)
      : job_(job), options_(options), mnist_(mnist), data_(mnist ? name_of(*mnist) : "none") {}

  Measured measure(const Section& section) const {
    Results results(options_.seeds.size(), bands_of(job_, section, data_));
    ResultsHeader header{.section = section.id,
                         .title = section.title,
                         .data = section.needs_data ? data_ : "none",
                         .seeds = options_.seeds,
                         .threads = options_.threads};
    const auto start = std::chrono::steady_clock::now();
    try {
      section.run({.seeds = options_.seeds,
                   .folder = options_.out / section.id,
                   .mnist = mnist_ ? &*mnist_ : nullptr,
                   .common = common_},
                  results);
      if (const auto names = results.unmeasured(); results.is_complete() && !names.empty())
        throw std::logic_error(fmt::format("not measured: {}", fmt::join(names, "; ")));
    } catch (const std::exception& error) {
      header.error = error.what();
    }
    header.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return {&section, std::move(header), std::move(results)};
  }

  /// Draws, writes and prints.
  Outcome finish(Measured measured) const {
    const fs::path folder = options_.out / measured.section->id;
    if (measured.header.error.empty()) {
      try {
        for (const auto& [name, figure] : measured.results.figures()) draw(figure, folder / name);
      } catch (const std::exception& error) {
        measured.header.error = error.what();
      }
    }
    write_results(folder, measured.header, measured.results);
    return say(folder, measured.header, measured.results);
  }

 private:
  static Outcome say(const fs::path& folder, const ResultsHeader& header, const Results& results) {
    if (!header.error.empty()) {
      fmt::print("\n{} failed: {}\n\n", header.section, header.error);
    } else {
      fmt::print("\n{} {}\n{}{:.1f} s; written to {}\n\n", header.section, header.title, results.table(),
                 header.seconds, folder.string());
    }
    std::fflush(stdout);
    if (!header.error.empty()) return Outcome::failed;
    return results.all_inside() ? Outcome::inside : Outcome::outside;
  }

  const Job& job_;
  const Options& options_;
  const std::optional<thalweg::Mnist>& mnist_;
  std::string data_;
  std::shared_ptr<CommonTrials> common_ = std::make_shared<CommonTrials>();
};

void write_page(const Job& job, const Options& options) {
  const fs::path file = options.out / (job.name + ".html"), unfinished = options.out / (job.name + ".html.part");
  {
    std::ofstream stream(unfinished);
    stream << page(options.out, job.sections, job.languages[options.language], job.excerpts);
    stream.close();
    if (!stream) throw thalweg::IoError(unfinished.string() + " cannot be written");
  }
  fs::rename(unfinished, file);
  fmt::print("the page: {}\n", file.string());
}

/// Runs the sections in turn and returns the exit status. The pictures of one are drawn while the next one runs.
int run_sections(const Runner& runner, const std::vector<Section>& sections) {
  const thalweg::Interrupt interrupt;
  std::vector<std::string> outside, failed;
  std::future<Outcome> drawing;
  const auto finish = [&](const Section& section) {
    const Outcome outcome = drawing.get();
    if (outcome == Outcome::outside) outside.push_back(section.id);
    if (outcome == Outcome::failed) failed.push_back(section.id);
  };
  for (std::size_t i = 0; i < sections.size(); ++i) {
    Measured measured = runner.measure(sections[i]);
    if (i > 0) finish(sections[i - 1]);
    drawing = std::async(std::launch::async, [&runner, measured = std::move(measured)]() mutable {
      return runner.finish(std::move(measured));
    });
    if (!thalweg::Interrupt::asked()) continue;
    drawing.get();
    std::vector<std::string> missing;
    for (std::size_t later = i + 1; later < sections.size(); ++later) missing.push_back(sections[later].id);
    fmt::print(stderr, "Interrupted in {}.{}\n", sections[i].id,
               missing.empty() ? "" : fmt::format(" Not run: {}.", fmt::join(missing, ", ")));
    return interrupted;
  }
  finish(sections.back());
  if (!outside.empty()) fmt::print("numbers outside their bands in: {}\n", fmt::join(outside, ", "));
  if (!failed.empty()) fmt::print("failed: {}\n", fmt::join(failed, ", "));
  return outside.empty() && failed.empty() ? 0 : outside_band;
}

}  // namespace

int run_job(int argc, const char* const* argv, const Job& job) {
  try {
    const std::optional<Options> options = parse_options(argc, argv, job);
    if (!options) return 0;
    const std::optional<thalweg::Mnist> mnist = load(*options);
    check_folder(options->out);
    int status = 0;
    if (!options->is_page_only) {
      for (const Section& section : options->sections) check_folder(options->out / section.id);
      thalweg::set_thread_count(options->threads);
      status = run_sections(Runner(job, *options, mnist), options->sections);
    }
    if (!job.languages.empty()) write_page(job, *options);
    return status;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return not_done;
  }
}

}  // namespace report
