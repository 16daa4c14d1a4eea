#include "examples/report/page.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <thalweg/error.hpp>

#include "examples/report/page_style.hpp"

namespace report {

namespace {

namespace fs = std::filesystem;

std::string escaped(std::string_view text) {
  std::string result;
  for (const char character : text) {
    switch (character) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default: result += character;
    }
  }
  return result;
}

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// Without the indentation that all lines share.
std::string dedented(std::string_view text) {
  std::size_t shared = text.size();
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const std::size_t indentation = line.find_first_not_of(' ');
    if (indentation != std::string_view::npos) {
      shared = std::min(shared, indentation);
      lines.push_back(line);
    } else if (end < text.size()) {
      lines.emplace_back();
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::string result;
  for (const std::string_view line : lines) result.append(line.substr(std::min(shared, line.size()))) += '\n';
  return result;
}

/// Results, and what the page says about them; where there are none, why.
struct Part {
  const Section* section = nullptr;
  const SectionText* text = nullptr;
  SavedResults results = {};
  std::string error = {};
  bool was_run = true;

  bool has_results() const { return was_run && error.empty(); }
};

class Page {
 public:
  Page(const fs::path& out, const PageText& text, std::span<const Excerpt> excerpts)
      : out_(out), text_(text), excerpts_(excerpts) {}

  Part part(const Section& section) const {
    Part part{.section = &section};
    for (const SectionText& text : text_.sections)
      if (text.id == section.id) part.text = &text;
    part.was_run = fs::exists(results_file(out_ / section.id));
    if (!part.was_run) return part;
    try {
      part.results = read_results(out_ / section.id);
      part.error = part.results.header.error;
    } catch (const std::exception& error) {
      part.error = error.what();
    }
    return part;
  }

  std::string contents(const std::vector<Part>& parts) const {
    std::string items;
    for (const Part& part : parts)
      items += fmt::format("<li><a href=\"#s{}\">{}</a> {}</li>\n", part.section->id, heading_of(part), mark_of(part));
    return fmt::format("<nav><h2>{}</h2>\n<ol>\n{}</ol></nav>\n", text_.contents, items);
  }

  std::string verdict(const std::vector<Part>& parts) const {
    std::ptrdiff_t judged = 0, inside = 0;
    for (const Part& part : parts) {
      if (!part.has_results()) continue;
      judged += std::count_if(part.results.inside.begin(), part.results.inside.end(),
                              [](const auto& verdict) { return verdict.has_value(); });
      inside += std::count(part.results.inside.begin(), part.results.inside.end(), std::optional(true));
    }
    return fmt::format("<p class=\"verdict\">{}</p>\n", fmt::format(fmt::runtime(text_.verdict), inside, judged));
  }

  std::string section(const Part& part) const {
    std::string html = fmt::format("<section id=\"s{}\">\n<h2>{}</h2>\n", part.section->id, heading_of(part));
    if (part.text != nullptr) {
      html += fmt::format("<p>{}</p>\n", part.text->idea);
      if (!part.text->formula.empty()) html += fmt::format("<div class=\"formula\">{}</div>\n", part.text->formula);
    }
    for (const Excerpt& excerpt : excerpts_) {
      if (excerpt.section != part.section->id) continue;
      html += fmt::format("<details open><summary>{}: {}</summary><pre><code>{}</code></pre></details>\n", text_.source,
                          excerpt.file, escaped(dedented(excerpt.text)));
    }
    return html + body(part) + "</section>\n";
  }

 private:
  /// The title, after the number if the section has one.
  std::string heading_of(const Part& part) const {
    const std::string title = part.text != nullptr ? part.text->title : escaped(part.section->title);
    const bool has_number = part.section->id.front() >= '0' && part.section->id.front() <= '9';
    return has_number ? part.section->id + " " + title : title;
  }

  std::string word(const std::string& text) const {
    const auto known = text_.words.find(text);
    return known == text_.words.end() ? escaped(text) : known->second;
  }

  /// Nothing for a number that is not judged.
  std::string mark(const std::optional<bool>& inside) const {
    if (!inside) return "";
    const bool is_inside = *inside;
    return fmt::format(" <span class=\"{}\" title=\"{}\">{}</span>", is_inside ? "inside" : "outside",
                       is_inside ? text_.inside : text_.outside, is_inside ? "✓" : "✗");
  }

  std::string mark_of(const Part& part) const {
    if (!part.was_run) return fmt::format("<span class=\"not-run\">{}</span>", text_.not_run);
    if (!part.error.empty()) return fmt::format("<span class=\"outside\">✗ {}</span>", text_.failed);
    const auto& inside = part.results.inside;
    if (std::find(inside.begin(), inside.end(), std::optional(false)) != inside.end()) return mark(false);
    return std::find(inside.begin(), inside.end(), std::optional(true)) != inside.end() ? mark(true) : "";
  }

  std::string body(const Part& part) const {
    if (!part.was_run) return fmt::format("<p class=\"not-run\">{}</p>\n", text_.not_run);
    if (!part.error.empty())
      return fmt::format("<p class=\"failure\"><strong>{}</strong> {}</p>\n", text_.failed, escaped(part.error));
    const SavedResults& results = part.results;
    std::string html;
    try {
      for (const auto& [name, caption] : results.pictures) html += picture(results.header.section, name, caption);
      html += grid(results) + lines(results);
      if (!results.is_complete) html += fmt::format("<p class=\"failure\">{}</p>\n", text_.incomplete);
      if (part.text != nullptr) html += fmt::format("<p>{}</p>\n", filled(part.text->seen, results));
    } catch (const std::exception& error) {
      return html +
             fmt::format("<p class=\"failure\"><strong>{}</strong> {}</p>\n", text_.failed, escaped(error.what()));
    }
    if (!results.notes.empty()) {
      html += "<ul class=\"notes\">\n";
      for (const std::string& note : results.notes) html += fmt::format("<li>{}</li>\n", word(note));
      html += "</ul>\n";
    }
    const ResultsHeader& header = results.header;
    return html + fmt::format("<p class=\"run\">{}</p>\n",
                              fmt::format(fmt::runtime(text_.run_with), fmt::join(header.seeds, ", "), header.data,
                                          header.threads, header.seconds));
  }

  /// The picture in the page, its ids made the page's own.
  std::string picture(const std::string& section, const std::string& name, const std::string& caption) const {
    const fs::path file = out_ / section / (name + ".svg");
    std::ifstream stream(file, std::ios::binary);
    std::string svg(std::istreambuf_iterator<char>(stream), {});
    const std::size_t begin = svg.find("<svg");
    if (begin == std::string::npos) throw thalweg::IoError(fmt::format("{} is not a picture", file.string()));
    svg.erase(0, begin);
    const std::string prefix = fmt::format("{}-{}-", section, name);
    for (const char* before : {" id=\"", " id='", "href=\"#", "href='#", "url(#", "url('#"})
      replace_all(svg, before, before + prefix);
    const bool is_wide = width_of(svg) > 750;
    return fmt::format("<figure class=\"{}\"><div>{}</div><figcaption>{}</figcaption></figure>\n",
                       is_wide ? "wide" : "plain", svg, word(caption));
  }

  static int width_of(const std::string& svg) {
    constexpr std::string_view before = "viewBox=\"0 0 ";
    const std::size_t at = svg.find(before);
    return at == std::string::npos ? 0 : std::stoi(svg.substr(at + before.size()));
  }

  std::string cell(const SavedResults& results, std::size_t i) const {
    const Number& number = results.numbers[i];
    std::string html = compact(number.value);
    html += mark(results.inside[i]);
    if (number.band) html += fmt::format("<br><small>{}</small>", range_text(number.band->low, number.band->high));
    if (number.band && number.band->of_ten_seeds) {
      const auto [low, high] = *number.band->of_ten_seeds;
      html += fmt::format("<br><small>{}: {}</small>", text_.ten_seeds, range_text(low, high));
    }
    return html;
  }

  static std::string range_text(double low, double high) {
    return low == high ? compact(low) : fmt::format("{}–{}", compact(low), compact(high));
  }

  /// The numbers that have a column, row by row.
  std::string grid(const SavedResults& results) const {
    std::vector<std::string> rows, columns;
    const auto note = [](std::vector<std::string>& names, const std::string& name) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    };
    for (const Number& number : results.numbers) {
      if (number.column.empty()) continue;
      note(rows, number.row);
      note(columns, number.column);
    }
    if (rows.empty()) return "";
    std::string html = "<div class=\"table\"><table>\n<thead><tr><th></th>";
    for (const std::string& column : columns) html += fmt::format("<th scope=\"col\">{}</th>", word(column));
    html += "</tr></thead>\n<tbody>\n";
    for (const std::string& row : rows) {
      html += fmt::format("<tr><th scope=\"row\">{}</th>", word(row));
      for (const std::string& column : columns) {
        std::string text;
        for (std::size_t i = 0; i < results.numbers.size(); ++i)
          if (results.numbers[i].row == row && results.numbers[i].column == column) text = cell(results, i);
        html += fmt::format("<td>{}</td>", text);
      }
      html += "</tr>\n";
    }
    return html + "</tbody></table></div>\n";
  }

  /// The numbers that have a line of their own.
  std::string lines(const SavedResults& results) const {
    std::string rows;
    for (std::size_t i = 0; i < results.numbers.size(); ++i) {
      const Number& number = results.numbers[i];
      if (!number.column.empty()) continue;
      rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}{}</td><td>{}</td></tr>\n", word(number.row),
                          compact(number.value), mark(results.inside[i]),
                          number.band ? range_text(number.band->low, number.band->high) : "");
    }
    if (rows.empty()) return "";
    return fmt::format(
        "<div class=\"table\"><table>\n<thead><tr><th></th><th scope=\"col\">{}</th><th "
        "scope=\"col\">{}</th></tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
        text_.ours, text_.band, rows);
  }

  const fs::path& out_;
  const PageText& text_;
  std::span<const Excerpt> excerpts_;
};

/// As `format` says, which is fmt's, or ends in % for hundredths.
std::string written(double value, const std::string& format) {
  if (format.empty()) return compact(value);
  if (format.back() != '%') return fmt::format(fmt::runtime("{:" + format + "}"), value);
  return fmt::format(fmt::runtime("{:" + format.substr(0, format.size() - 1) + "f}%"), 100 * value);
}

}  // namespace

std::string filled(const std::string& text, const SavedResults& results) {
  std::string result;
  std::string_view rest = text;
  while (true) {
    const std::size_t begin = rest.find("{{"), end = rest.find("}}", begin);
    result += rest.substr(0, begin);
    if (begin == std::string_view::npos) return result;
    const std::string_view inner = rest.substr(begin + 2, end - begin - 2);
    const std::size_t bar = inner.rfind('|');
    const std::string name(inner.substr(0, bar));
    const auto number = std::find_if(results.numbers.begin(), results.numbers.end(),
                                     [&](const Number& known) { return known.name() == name; });
    if (number == results.numbers.end())
      throw thalweg::IoError(fmt::format("the page speaks of \"{}\", which the results have not", name));
    if (std::signbit(number->value)) result += "−";  // as the text has it, no hyphen
    result += written(std::abs(number->value), bar == std::string_view::npos ? "" : std::string(inner.substr(bar + 1)));
    rest.remove_prefix(end + 2);
  }
}

std::string page(const std::filesystem::path& out, std::span<const Section> sections, const PageText& text,
                 std::span<const Excerpt> excerpts) {
  const Page page(out, text, excerpts);
  std::vector<Part> parts;
  for (const Section& section : sections) parts.push_back(page.part(section));
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n"
      "<main>\n<h1>{}</h1>\n<p>{}</p>\n",
      text.language, text.title, page_style, text.title, text.introduction);
  html += page.verdict(parts) + fmt::format("<p>{}</p>\n", text.how_to_read) + page.contents(parts);
  for (const Part& part : parts) html += page.section(part);
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace report
