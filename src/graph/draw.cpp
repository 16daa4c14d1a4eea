#include <thalweg/draw.hpp>

#include <array>
#include <cstdio>
#include <fstream>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "src/graph/dot.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

namespace {

void write_text(const std::filesystem::path& file, const std::string& text, SourceLine line) {
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  stream.close();
  if (!stream) throw IoError(error_text("write_graph", fmt::format("{} cannot be written", file.string()), line));
}

/// Runs Graphviz to draw `dot` into `file`, through a temporary file next to it.
void run_graphviz(const std::string& dot, const std::filesystem::path& file, const std::string& format,
                  SourceLine line) {
  std::filesystem::path source = file;
  source += ".dot";
  write_text(source, dot, line);
  std::array<std::string, 5> words = {"dot", "-T" + format, "-o", file.string(), source.string()};
  std::array<char*, 6> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  pid_t process = 0;
  int status = 0;
  const bool started = ::posix_spawnp(&process, "dot", nullptr, nullptr, arguments.data(), environ) == 0;
  const bool drawn = started && ::waitpid(process, &status, 0) == process && status == 0;
  std::error_code ignored;
  std::filesystem::remove(source, ignored);
  if (!started)
    throw IoError(error_text(
        "write_graph",
        fmt::format("{} is not drawn, for Graphviz's dot is missing (Debian's package is graphviz)", file.string()),
        line));
  if (!drawn) throw IoError(error_text("write_graph", fmt::format("{}: Graphviz failed", file.string()), line));
}

}  // namespace

std::string graph_dot(const Tape& tape, const DrawOptions& options) {
  const TapeGraph graph(tape);
  if (graph.size() == 0) throw TapeError(error_text("write_graph", "the tape is empty"));
  return options.part == DrawPart::plan ? internal::plan_dot(graph) : internal::tape_dot(graph, options);
}

void write_graph(const Tape& tape, const std::filesystem::path& file, const DrawOptions& options,
                 const char* source_file, unsigned source_line) {
  const SourceLine line{source_file, source_line};
  const std::string extension = file.extension().string();
  if (extension == ".svg" || extension == ".png")
    return run_graphviz(graph_dot(tape, options), file, extension.substr(1), line);
  if (extension == ".dot") return write_text(file, graph_dot(tape, options), line);
  if (extension == ".html") return write_text(file, internal::graph_page(TapeGraph(tape), options), line);
  throw ValueError(error_text(
      "write_graph", fmt::format("{}: a picture is .svg, .png, .dot or .html, not \"{}\"", file.string(), extension),
      line));
}

}  // namespace thalweg
