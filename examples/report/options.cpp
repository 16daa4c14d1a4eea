#include "examples/report/options.hpp"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <string_view>

#include <fmt/format.h>
#include <boost/program_options.hpp>

#include <thalweg/threads.hpp>

#include "examples/report/job.hpp"

namespace report {

namespace {

namespace po = boost::program_options;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::uint64_t parse_number(const std::string& option, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw UsageError(fmt::format("--{}: \"{}\" is not a whole number from 0 on", option, text));
  return value;
}

/// "3", "0-4", "1,2,8-10".
std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  constexpr std::uint64_t most = 1000;
  std::vector<std::uint64_t> seeds;
  for (const std::string& part : split(text, ',')) {
    const std::vector<std::string> ends = split(part, '-');
    const std::uint64_t first = parse_number("seed", ends.front());
    const std::uint64_t last = parse_number("seed", ends.back());
    if (ends.size() > 2 || last < first || last - first >= most)
      throw UsageError(fmt::format("--seed: \"{}\" is not a range of at most {} seeds, such as 0-4", part, most));
    for (std::uint64_t seed = first; seed - first <= last - first; ++seed) seeds.push_back(seed);
  }
  for (std::size_t i = 0; i < seeds.size(); ++i)
    if (std::find(seeds.begin(), seeds.begin() + static_cast<std::ptrdiff_t>(i), seeds[i]) !=
        seeds.begin() + static_cast<std::ptrdiff_t>(i))
      throw UsageError(fmt::format("--seed: {} is there twice", seeds[i]));
  return seeds;
}

int parse_threads(const std::string& text) {
  constexpr std::uint64_t most = 256;
  const std::uint64_t threads = parse_number("threads", text);
  if (threads < 1 || threads > most)
    throw UsageError(fmt::format("--threads: {} is not between 1 and {}", threads, most));
  return static_cast<int>(threads);
}

/// Whether `asked` ("6.1.4", "6.1") is `id` or a part of the book that holds it.
bool names(const std::string& asked, const std::string& id) {
  return id == asked || (id.size() > asked.size() && id.starts_with(asked) && id[asked.size()] == '.');
}

bool covers(const Section& section, const std::string& asked) {
  return asked == section.id || std::any_of(section.covers.begin(), section.covers.end(),
                                            [&](const std::string& id) { return names(asked, id); });
}

std::string list(std::span<const Section> sections) {
  std::string text;
  for (const Section& section : sections) text += fmt::format("  {:12} {}\n", section.id, section.title);
  return text;
}

std::vector<Section> choose(const std::string& text, std::span<const Section> sections) {
  if (text == "all") return {sections.begin(), sections.end()};
  const std::vector<std::string> asked = split(text, ',');
  for (const std::string& id : asked) {
    if (std::none_of(sections.begin(), sections.end(), [&](const Section& section) { return covers(section, id); }))
      throw UsageError(fmt::format("--sections: there is no section \"{}\"; there are\n{}", id, list(sections)));
  }
  std::vector<Section> chosen;
  for (const Section& section : sections) {
    if (std::any_of(asked.begin(), asked.end(), [&](const std::string& id) { return covers(section, id); }))
      chosen.push_back(section);
  }
  return chosen;
}

po::options_description description() {
  po::options_description options("Options");
  const auto text = [](const char* value) { return po::value<std::string>()->default_value(value); };
  options.add_options()("sections", text("all"), "which sections, with commas; 6.1 stands for all of 6.1.x")(
      "out", text("out"), "the folder for results and pictures, one folder in it for each section")(
      "data", text(THALWEG_MNIST), "the folder of the four MNIST files (or Fashion-MNIST's), with or without .gz")(
      "seed", text("0-4"),
      "seeds: one (3), a range (0-4), several (1,2,8); numbers are means over them, judged from five seeds on")(
      "threads", po::value<std::string>(),
      "threads, 1 to 256; the machine's number of them if not given. "
      "The results do not depend on it")("language", text("en"), "of the page: en or ko")(
      "page-only", po::bool_switch(), "makes the page from the results in the folder, without running anything")(
      "help", "this text; with --sections, what these sections do");
  return options;
}

std::size_t find_language(const Job& job, const std::string& wanted) {
  std::string known;
  for (std::size_t i = 0; i < job.languages.size(); ++i) {
    if (job.languages[i].language == wanted) return i;
    known += (i > 0 ? ", " : "") + job.languages[i].language;
  }
  if (job.languages.empty()) return 0;
  throw UsageError(fmt::format("--language: \"{}\" is not one of {}", wanted, known));
}

void print_help(const po::options_description& known, std::span<const Section> all, const std::vector<Section>& asked) {
  if (asked.empty()) {
    std::cout << "Runs sections of the book and compares their numbers with its own.\n\n"
              << known << "\nSections\n"
              << list(all);
    return;
  }
  for (const Section& section : asked)
    std::cout << section.id << " " << section.title << "\n\n" << section.about << "\n\n";
  std::cout << known;
}

}  // namespace

std::optional<Options> parse_options(int argc, const char* const* argv, const Job& job) {
  const std::span<const Section> sections = job.sections;
  const po::options_description known = description();
  po::variables_map given;
  try {
    using namespace po::command_line_style;
    constexpr int style = allow_long | long_allow_adjacent | long_allow_next;  // no abbreviations
    po::store(po::command_line_parser(argc, argv).options(known).positional({}).style(style).run(), given);
  } catch (const po::error& error) {
    throw UsageError(fmt::format("{}; --help lists the options", error.what()));
  }
  const auto text = [&](const char* option) { return given[option].as<std::string>(); };
  std::vector<Section> chosen = choose(text("sections"), sections);
  if (given.count("help")) {
    print_help(known, sections, text("sections") == "all" ? std::vector<Section>{} : chosen);
    return std::nullopt;
  }
  return Options{.sections = std::move(chosen),
                 .out = text("out"),
                 .data = text("data"),
                 .seeds = parse_seeds(text("seed")),
                 .threads = given.count("threads") ? parse_threads(text("threads")) : thalweg::thread_count(),
                 .language = find_language(job, text("language")),
                 .is_page_only = given["page-only"].as<bool>()};
}

}  // namespace report
