#include "examples/report/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <numbers>
#include <string_view>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <thalweg/error.hpp>

namespace report {

namespace {

struct Style {
  const char* colour;
  const char* dash;
};
// Okabe and Ito's palette.
constexpr std::array<Style, 6> styles = {{{"#0072B2", "solid"},
                                          {"#D55E00", "(12,4)"},
                                          {"#009E73", "(3,3)"},
                                          {"#CC79A7", "(12,4,3,4)"},
                                          {"#E69F00", "(6,3)"},
                                          {"#000000", "(12,3,3,3,3,3)"}}};
constexpr int panel_width = 720, panel_height = 480;

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
  for (std::size_t i = 0; i < curve.x.size(); ++i) text += fmt::format("{:.9g} {:.9g}\n", curve.x[i], curve.y[i]);
  return text + "EOD\n";
}

std::string curve_style(const Curve& curve, std::size_t number) {
  if (curve.is_backdrop) return "with lines linewidth 0.7 linecolor rgb '#BBBBBB' notitle";
  const Style& style = styles[number % styles.size()];
  const std::string line = fmt::format("linewidth 2 linecolor rgb '{}' dashtype {} title {}", style.colour, style.dash,
                                       gnuplot_string(curve.label));
  if (!curve.has_points) return "with lines " + line;
  return fmt::format("with linespoints pointtype {} pointsize 0.6 {}", number % styles.size() + 5, line);
}

std::string axis_commands(const char* name, const Axis& axis) {
  const std::string range = axis.range ? fmt::format("[{}:{}]", axis.range->first, axis.range->second) : "[*:*]";
  return fmt::format("set {0}label {1}\nset {0}range {2}\n", name, gnuplot_string(axis.label), range);
}

std::string panel_commands(const Panel& panel, std::size_t panel_number) {
  std::string text = fmt::format("set title {}\n", gnuplot_string(panel.title));
  text += axis_commands("x", panel.x) + axis_commands("y", panel.y) + "plot ";
  std::size_t coloured = 0;
  for (std::size_t i = 0; i < panel.curves.size(); ++i) {
    const Curve& curve = panel.curves[i];
    text += fmt::format("{}$data_{}_{} using 1:2 {}", i ? ", " : "", panel_number, i, curve_style(curve, coloured));
    coloured += curve.is_backdrop ? 0 : 1;
  }
  return text + "\n";
}

std::string script(const Figure& figure, const std::filesystem::path& stem) {
  const int panels = static_cast<int>(figure.panels.size()), rows = (panels + figure.columns - 1) / figure.columns;
  const std::string size = fmt::format("size {},{}", panel_width * figure.columns, panel_height * rows);
  std::string data, panel_text;
  for (std::size_t p = 0; p < figure.panels.size(); ++p) {
    for (std::size_t i = 0; i < figure.panels[p].curves.size(); ++i)
      data += data_block(fmt::format("data_{}_{}", p, i), figure.panels[p].curves[i]);
    panel_text += panel_commands(figure.panels[p], p);
  }
  const auto page = [&](const std::string& terminal, const char* extension) {
    return fmt::format(
        "set terminal {} {} noenhanced font 'sans,13'\nset output {}\nset multiplot layout {},{}\n{}unset "
        "multiplot\nunset output\n",
        terminal, size, gnuplot_string(stem.string() + extension), rows, figure.columns, panel_text);
  };
  return data + "set grid linecolor rgb '#DDDDDD'\nset key top right\n" + page("svg background '#FFFFFF'", ".svg") +
         page("pngcairo", ".png");
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
  if (::posix_spawnp(&process, "gnuplot", nullptr, nullptr, arguments, environ) != 0)
    fail("not drawn, for gnuplot is missing (Debian's package is gnuplot-nox)");
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

Curve valley_contour(double height) {
  constexpr int points = 180;
  Curve curve{.label = "", .x = {}, .y = {}, .is_backdrop = true};
  for (int i = 0; i <= points; ++i) {
    const double angle = 2 * std::numbers::pi * i / points;
    curve.x.push_back(std::sqrt(20 * height) * std::cos(angle));
    curve.y.push_back(std::sqrt(height) * std::sin(angle));
  }
  return curve;
}

}  // namespace report
