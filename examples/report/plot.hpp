#pragma once
// Pictures, drawn by gnuplot: in colours that the colour-blind can tell apart, and in dashes that all can.

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace report {

struct Axis {
  std::string label;
  std::optional<std::pair<double, double>> range = std::nullopt;
};

struct Curve {
  std::string label;
  std::vector<double> x, y;
  bool has_points = false;   // marks each point
  bool is_backdrop = false;  // a thin grey line without a place in the legend
};

struct Panel {
  std::string title;
  Axis x, y;
  std::vector<Curve> curves;
};

struct Figure {
  std::vector<Panel> panels;
  int columns = 1;
};

/// Draws the figure as stem.svg and stem.png, by the gnuplot script stem.gp, which stays for those who want to change
/// it. thalweg::IoError where gnuplot is missing or fails.
void draw(const Figure& figure, const std::filesystem::path& stem);

/// The book's smoothing of a loss curve: a Kaiser window (11 wide, beta 2), the ends mirrored.
std::vector<double> smoothed(const std::vector<double>& values);

/// A line of constant x²/20 + y², the book's example of a long valley.
Curve valley_contour(double height);

}  // namespace report
