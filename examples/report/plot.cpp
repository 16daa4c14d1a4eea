#include "examples/report/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <numeric>
#include <string_view>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <thalweg/error.hpp>

namespace report {

namespace {

struct Style {
  const char* color;
  const char* dash;
  int point;
};
// Okabe and Ito's palette, without its yellow, which is lost on paper.
constexpr std::array<Style, 7> styles = {{{"#0072B2", "solid", 7},
                                          {"#D55E00", "(12,4)", 5},
                                          {"#009E73", "(3,3)", 9},
                                          {"#CC79A7", "(12,4,3,4)", 11},
                                          {"#E69F00", "(6,3)", 13},
                                          {"#000000", "(12,3,3,3,3,3)", 4},
                                          {"#56B4E9", "(2,2)", 6}}};

/// A gnuplot string: in double quotes these three are special, the last as a command to run.
std::string gnuplot_string(std::string_view text) {
  std::string result = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\')
      (result += '\\') += character;
    else if (character == '`')
      result += "\\140";
    else
      result += character;
  }
  return result + "\"";
}

std::string data_block(const std::string& name, const Curve& curve) {
  std::string text = fmt::format("${} << EOD\n", name);
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    text += fmt::format("{:.9g} {:.9g}", curve.x[i], curve.y[i]);
    if (!curve.z.empty()) text += fmt::format(" {:.9g}", curve.z[i]);
    if (!curve.dx.empty()) text += fmt::format(" {:.9g} {:.9g}", curve.dx[i], curve.dy[i]);
    text += "\n";
  }
  return text + "EOD\n";
}

/// All cells, and those that have a number: gnuplot would write "nan" into the others.
std::string data_block(const std::string& name, const HeatMap& map) {
  std::string cells, numbers;
  for (std::size_t row = 0; row < map.values.size(); ++row) {
    for (std::size_t column = 0; column < map.values[row].size(); ++column) {
      const double value = map.values[row][column];
      const std::string line = fmt::format("{} {} {:.6g}\n", column, row, value);
      cells += line;
      if (std::isfinite(value)) numbers += line;
    }
  }
  return fmt::format("${0} << EOD\n{1}EOD\n${0}_numbers << EOD\n{2}EOD\n", name, cells, numbers);
}

std::string data_block(const std::string& name, const Surface& surface) {
  std::string text = fmt::format("${} << EOD\n", name);
  for (std::size_t i = 0; i < surface.x.size(); ++i) {
    for (std::size_t j = 0; j < surface.y.size(); ++j)
      text += fmt::format("{:.6g} {:.6g} {:.6g}\n", surface.x[i], surface.y[j], surface.z[i][j]);
    text += "\n";
  }
  return text + "EOD\n";
}

/// Everything in a figure that has data, by the name of its data block.
std::string data_blocks(const Figure& figure) {
  std::string text;
  for (std::size_t p = 0; p < figure.panels.size(); ++p) {
    const Panel& panel = figure.panels[p];
    for (std::size_t i = 0; i < panel.curves.size(); ++i)
      text += data_block(fmt::format("data_{}_{}", p, i), panel.curves[i]);
    if (panel.heat_map) text += data_block(fmt::format("map_{}", p), *panel.heat_map);
    if (panel.surface) text += data_block(fmt::format("surface_{}", p), *panel.surface);
  }
  return text;
}

std::string curve_style(const Curve& curve, std::size_t number) {
  if (curve.mark == Mark::backdrop) return "with lines linewidth 0.7 linecolor rgb '#AAAAAA' notitle";
  const std::size_t index = curve.style ? static_cast<std::size_t>(*curve.style) : number;
  const Style& style = styles[index % styles.size()];
  const std::string title = curve.label.empty() ? "notitle" : "title " + gnuplot_string(curve.label);
  const std::string line = fmt::format("linewidth 2 linecolor rgb '{}' dashtype {} {}", style.color, style.dash, title);
  switch (curve.mark) {
    case Mark::line_and_points: return fmt::format("with linespoints pointtype {} pointsize 0.6 {}", style.point, line);
    case Mark::points:
      return fmt::format("with points pointtype {} pointsize 0.8 linecolor rgb '{}' {}", style.point, style.color,
                         title);
    case Mark::arrows:
      return fmt::format("with vectors head size screen 0.008,20 filled linewidth 1 linecolor rgb '{}' {}", style.color,
                         title);
    case Mark::bars:
      return fmt::format("with boxes fillstyle solid 0.75 noborder linecolor rgb '{}' {}", style.color, title);
    default: return "with lines " + line;
  }
}

std::string axis_commands(const char* name, const Axis& axis) {
  const std::string range = axis.range ? fmt::format("[{}:{}]", axis.range->first, axis.range->second) : "[*:*]";
  std::vector<std::string> tics;
  tics.reserve(axis.tics.size());
  for (const double tic : axis.tics) tics.push_back(fmt::format("'{:.2g}' {:.9g}", tic, tic));
  return fmt::format("{3} logscale {0}\nset {0}label {1}\nset {0}range {2}\nset format {0} '{4}'\nset {0}tics {5}\n",
                     name, gnuplot_string(axis.label), range, axis.is_log ? "set" : "unset",
                     axis.is_log ? "%.0e" : "%g",
                     tics.empty() ? "autofreq" : fmt::format("({})", fmt::join(tics, ", ")));
}

std::string curve_plots(const Panel& panel, std::size_t panel_number) {
  std::string text;
  std::size_t colored = 0;
  for (std::size_t i = 0; i < panel.curves.size(); ++i) {
    const Curve& curve = panel.curves[i];
    const char* columns = curve.mark == Mark::arrows ? "1:2:3:4" : curve.z.empty() ? "1:2" : "1:2:3";
    text +=
        fmt::format("{}$data_{}_{} using {} {}", i ? ", " : "", panel_number, i, columns, curve_style(curve, colored));
    colored += curve.mark == Mark::backdrop ? 0 : 1;
  }
  return text;
}

std::string tic_labels(const std::vector<std::string>& labels) {
  std::vector<std::string> tics;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (!labels[i].empty()) tics.push_back(fmt::format("{} {}", gnuplot_string(labels[i]), i));
  return fmt::format("({})", fmt::join(tics, ", "));
}

/// Dark blue over green to yellow ("viridis"): in order of lightness, so that it survives print and color blindness.
constexpr const char* palette =
    "set palette defined (0 '#440154', 1 '#3B528B', 2 '#21918C', 3 '#5EC962', 4 '#FDE725')\n";

std::string heat_map_commands(const Panel& panel, std::size_t number) {
  const HeatMap& map = *panel.heat_map;
  const std::string data = fmt::format("$map_{}", number);
  std::string text = std::string(palette) + "set rmargin 14\n";
  text += fmt::format("set tics nomirror scale 0\nset xtics {}\nset ytics {}\nset cblabel {}\nset cbrange {}\n",
                      tic_labels(map.columns), tic_labels(map.rows), gnuplot_string(map.unit),
                      map.range ? fmt::format("[{}:{}]", map.range->first, map.range->second) : "[*:*]");
  text +=
      fmt::format("set xrange [-0.5:{}]\nset yrange [{}:-0.5]\nunset grid\n",
                  static_cast<double>(map.values.front().size()) - 0.5, static_cast<double>(map.values.size()) - 0.5);
  text +=
      "set object 1 rectangle from graph 0,0 to graph 1,1 behind fillcolor rgb '#DDDDDD' fillstyle solid noborder\n";
  text += fmt::format("plot {0} using 1:2:3 with image pixels notitle", data);
  if (map.shows_numbers) {
    // White on what is dark, black on what is light.
    const double low = map.range ? map.range->first : 0, high = map.range ? map.range->second : 1;
    for (const bool is_light : {false, true}) {
      text += fmt::format(
          ", {}_numbers using 1:2:(($3 > {}) == {} ? sprintf('%.2f', $3) : '') with labels font 'sans,11' "
          "textcolor rgb '{}' notitle",
          data, low + 0.6 * (high - low), is_light ? 1 : 0, is_light ? "#000000" : "#FFFFFF");
    }
  }
  return text + "\nunset object 1\nset rmargin\nset tics mirror scale 1\nset grid linecolor rgb '#DDDDDD'\n";
}

std::string surface_commands(const Panel& panel, const Surface& surface, std::size_t number) {
  // Pale, so that the paths stand out.
  std::string text = "set palette defined (0 '#7F97AD', 1 '#F4F6F8')\n";
  text += fmt::format(
      "set zlabel {} rotate\nset ztics offset 0,0.6\nset view 50,60\nset ticslevel 0\nunset colorbox\nset pm3d "
      "explicit at s\n",
      gnuplot_string(surface.label));
  text += fmt::format("splot $surface_{} using 1:2:3 with pm3d notitle, {}\n", number, curve_plots(panel, number));
  return text + "unset pm3d\n";
}

std::string panel_commands(const Panel& panel, std::size_t number) {
  std::string text = fmt::format("set title {} offset 0,-0.5\n", gnuplot_string(panel.title));
  text += axis_commands("x", panel.x) + axis_commands("y", panel.y);
  if (panel.heat_map) return text + heat_map_commands(panel, number);
  if (panel.surface) return text + surface_commands(panel, *panel.surface, number);
  return text + "plot " + curve_plots(panel, number) + "\n";
}

std::string script(const Figure& figure, const std::filesystem::path& stem) {
  const int panels = static_cast<int>(figure.panels.size()), rows = (panels + figure.columns - 1) / figure.columns;
  const std::string size = fmt::format("size {},{}", figure.panel_width * figure.columns, figure.panel_height * rows);
  std::string panel_text;
  for (std::size_t p = 0; p < figure.panels.size(); ++p) {
    if (figure.has_one_legend) panel_text += p + 1 < figure.panels.size() ? "set key off\n" : "set key on\n";
    panel_text += panel_commands(figure.panels[p], p);
  }
  const auto page = [&](const std::string& terminal, const char* extension) {
    return fmt::format(
        "set terminal {} {} noenhanced font 'sans,13'\nset output {}\nset multiplot layout {},{}\nset key {} "
        "opaque\n{}unset "
        "multiplot\nunset output\n",
        terminal, size, gnuplot_string(stem.string() + extension), rows, figure.columns, figure.legend, panel_text);
  };
  return data_blocks(figure) + "set grid linecolor rgb '#DDDDDD'\nset style fill solid\nset boxwidth 1 relative\n" +
         page("svg background '#FFFFFF'", ".svg") + page("pngcairo", ".png");
}

}  // namespace

void draw(const Figure& figure, const std::filesystem::path& stem) {
  const std::string file = stem.string() + ".gp";
  const auto fail = [&](const char* why) { throw thalweg::IoError(thalweg::error_text("draw", file + ": " + why)); };
  std::ofstream stream(file);
  stream << script(figure, stem);
  stream.close();
  if (!stream) fail("cannot be written");

  std::string program = "gnuplot", argument = file;
  char* arguments[] = {program.data(), argument.data(), nullptr};
  pid_t process = 0;
  int status = 0;
  posix_spawnattr_t attributes;  // a group of its own: Ctrl-C, which our process only notes, does not reach it
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int failure = ::posix_spawnp(&process, "gnuplot", nullptr, &attributes, arguments, environ);
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) fail("not drawn, for gnuplot is missing (Debian's package is gnuplot-nox)");
  if (::waitpid(process, &status, 0) != process || status != 0) fail("gnuplot failed");
}

std::vector<double> smoothed(const std::vector<double>& values) {
  constexpr std::size_t window = 11, half = window / 2;
  constexpr double beta = 2;
  std::array<double, window> weights{};
  double sum = 0;
  for (std::size_t i = 0; i < window; ++i) {
    const double place = 2.0 * static_cast<double>(i) / (window - 1) - 1;
    sum += weights[i] = std::cyl_bessel_i(0, beta * std::sqrt(1 - place * place));
  }
  const auto size = static_cast<std::ptrdiff_t>(values.size());
  const auto mirrored = [&](std::ptrdiff_t i) {
    const std::ptrdiff_t inside = i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
    return values[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(inside, 0, size - 1))];
  };
  std::vector<double> result(values.size());
  for (std::ptrdiff_t i = 0; i < size; ++i) {
    for (std::size_t k = 0; k < window; ++k)
      result[static_cast<std::size_t>(i)] +=
          weights[k] / sum * mirrored(i + static_cast<std::ptrdiff_t>(k) - static_cast<std::ptrdiff_t>(half));
  }
  return result;
}

std::vector<double> counted(std::size_t count) {
  std::vector<double> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

Curve histogram(const std::vector<double>& values, int bins, double low, double high) {
  const double width = (high - low) / bins;
  Curve bars{.label = "", .x = {}, .y = std::vector<double>(static_cast<std::size_t>(bins)), .mark = Mark::bars};
  for (int i = 0; i < bins; ++i) bars.x.push_back(low + (i + 0.5) * width);
  for (const double value : values) {
    const bool is_in_range = value >= low && value <= high;  // NaN is not
    if (!is_in_range) continue;
    const auto bin = static_cast<std::size_t>((value - low) / width);
    bars.y[std::min(bin, bars.y.size() - 1)] += 1 / static_cast<double>(values.size());
  }
  return bars;
}

}  // namespace report
