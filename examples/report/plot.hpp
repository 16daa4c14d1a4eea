#pragma once
// Pictures, drawn by gnuplot: in colors that the color-blind can tell apart, and in dashes that all can.

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace report {

struct Axis {
  std::string label;
  std::optional<std::pair<double, double>> range = std::nullopt;
  bool is_log = false;
  std::vector<double> tics = {};  // where they stand, if not where gnuplot puts them
};

enum class Mark {
  line,
  line_and_points,
  points,
  arrows,    // from (x, y) to (x + dx, y + dy)
  bars,      // a histogram: x are the centers of bars that touch
  backdrop,  // a thin gray line without a place in the legend
};

struct Curve {
  std::string label;  // empty: not in the legend
  std::vector<double> x, y;
  std::vector<double> z = {};            // in a panel with a surface
  std::vector<double> dx = {}, dy = {};  // of arrows
  Mark mark = Mark::line;
  std::optional<int> style = std::nullopt;  // color and dash; by default the curve's place in the panel
};

/// Values on a grid, as colors: rows from the top.
struct HeatMap {
  std::vector<std::string> columns, rows;   // labels of the axes' tics; some may be empty
  std::vector<std::vector<double>> values;  // by row; NaN has a color of its own
  std::string unit;                         // of the color box
  std::optional<std::pair<double, double>> range = std::nullopt;
  bool shows_numbers = false;  // in the cells
};

/// z over a grid of x and y, as a surface.
struct Surface {
  std::vector<double> x, y;
  std::vector<std::vector<double>> z;  // z[i][j] at x[i], y[j]
  std::string label;                   // of the axis
};

struct Panel {
  std::string title;
  Axis x, y;
  std::vector<Curve> curves = {};
  std::optional<HeatMap> heat_map = std::nullopt;
  std::optional<Surface> surface = std::nullopt;
};

struct Figure {
  std::vector<Panel> panels;
  int columns = 1;
  std::string caption = {};  // what the picture shows, for those who cannot see it
  int panel_width = 720, panel_height = 480;
  bool has_one_legend = false;       // in the last panel only
  std::string legend = "top right";  // its place
};

/// Draws the figure as stem.svg and stem.png, by the gnuplot script stem.gp, which stays for those who want to change
/// it. thalweg::IoError where gnuplot is missing or fails.
void draw(const Figure& figure, const std::filesystem::path& stem);

/// The book's smoothing of a loss curve: a Kaiser window (11 wide, beta 2), the ends mirrored.
std::vector<double> smoothed(const std::vector<double>& values);

/// 0, 1, …, count − 1: iterations or epochs.
std::vector<double> counted(std::size_t count);

/// Shares of `values` in `bins` bars of equal width over [low, high]; what lies outside is left out.
Curve histogram(const std::vector<double>& values, int bins, double low, double high);

}  // namespace report
