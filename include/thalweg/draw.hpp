#pragma once
// Pictures of a tape.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <thalweg/tape.hpp>

namespace thalweg {

enum class DrawPart : std::uint8_t {
  forward,  // what the program wrote
  all,      // and what differentiation appended, up to the gradients of parameters
  plan,     // the passes over memory with the nodes that each computes, and the buffers between them, colored by place
};

struct DrawOptions {
  DrawPart part = DrawPart::all;
  /// Draws each outermost scope as one node; by default if there are more than 300 nodes.
  std::optional<bool> fold_scopes = {};
  /// In the page (.html): statistics and histograms of every value, for which all nodes are recomputed.
  bool values = true;
};

/// Writes a picture of what `tape` has recorded: `.svg` or `.png` (drawn by Graphviz, which must be installed), `.dot`,
/// or `.html`, a self-contained page to pan, zoom, search and fold. Numbers appear in the label of the node that reads
/// them. DrawPart::plan shows the plans of the requests made so far; a page shows forward and backward together.
/// ValueError for another extension; TapeError for an empty tape, or for a plan if nothing has been requested; IoError
/// if the file cannot be written or Graphviz is missing.
void write_graph(const Tape& tape, const std::filesystem::path& file, const DrawOptions& options = {},
                 const char* source_file = __builtin_FILE(), unsigned line = __builtin_LINE());

/// The same as text in Graphviz's DOT language.
std::string graph_dot(const Tape& tape, const DrawOptions& options = {});

}  // namespace thalweg
