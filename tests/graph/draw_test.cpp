// Pictures: what they show, and what they say where they cannot be drawn.
#include <thalweg/draw.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

std::filesystem::path scratch(const char* name) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "thalweg_draw_test";
  std::filesystem::create_directories(folder);
  return folder / name;
}

std::string content(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// The data in a page, as its script reads them.
nlohmann::json data_of(const std::string& page) {
  const std::size_t begin = page.find("const tape = ") + 13;
  return nlohmann::json::parse(page.substr(begin, page.find(";\n", begin) - begin));
}

}  // namespace

TEST_CASE("write_graph: what the program wrote, and what differentiation appended") {
  Network network({3, 4, 2}, true);
  Random random;
  Tape tape;
  const Var loss = sum(network.logits(noise({5, 3}, 1), 0, random));
  const std::string forward = graph_dot(tape);
  CHECK(count(forward, "label=\"batch_norm\"") == 1);
  CHECK(forward.find("affine1.weight\\n(3, 4)") != std::string::npos);
  CHECK(forward.find("backward") == std::string::npos);
  backward(loss);
  const std::string all = graph_dot(tape);
  CHECK(count(all, "label=\"batch_norm backward\"") == 1);
  CHECK(count(all, "gradient of\\n") == 6);
  CHECK(graph_dot(tape, {.part = DrawPart::forward}) == forward);
  const std::string folded = graph_dot(tape, {.fold_scopes = true});
  CHECK(folded.find("sqrt") == std::string::npos);
  CHECK(count(folded, "label=\"batch_norm") == 2);
}

TEST_CASE("write_graph: numbers stand in their readers' labels, at their places where a dot follows") {
  Tape tape;
  const Var x = Tensor{1., 2.};
  power(1 / (x + 3), 2);
  const std::string text = graph_dot(tape);
  CHECK(text.find("\"add 3\\n(2,)\"") != std::string::npos);
  CHECK(text.find("\"divide(1, ·)\\n(2,)\"") != std::string::npos);
  CHECK(text.find("number") == std::string::npos);
}

TEST_CASE("write_graph: the plan's passes and buffers") {
  Network network({3, 4, 2}, false);
  Random random;
  Tape tape;
  const Var loss = sum(network.logits(noise({5, 3}, 1), 0, random));
  CHECK(error_of<TapeError>([&] { graph_dot(tape, {.part = DrawPart::plan}); }) ==
        "[write_graph] nothing has been requested of this tape yet: there is no plan");
  backward(loss);
  const PlanSummary summary = plan_summary(tape);
  const std::string plan = graph_dot(tape, {.part = DrawPart::plan});
  CHECK(count(plan, "[shape=box") == summary.matmuls + summary.other_passes);
  CHECK(count(plan, "gradient of affine1.weight") == 1);
}

TEST_CASE("write_graph: files") {
  Tape tape;
  const Var y = sum(tanh(Tensor{{0.5, 1.0}, {2.0, 4.0}}) * 2);
  y.value();
  write_graph(tape, scratch("graph.svg"));
  CHECK(content(scratch("graph.svg")).find("<svg") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(scratch("graph.svg.dot")));
  write_graph(tape, scratch("graph.png"));
  CHECK(content(scratch("graph.png")).substr(1, 3) == "PNG");
  const std::string unknown = error_of<ValueError>([&] { write_graph(tape, "graph.bmp"); });
  CHECK(unknown == "[write_graph] graph.bmp: a picture is .svg, .png, .dot or .html, not \".bmp\"" + at(__LINE__ - 1));
  const std::string unwritten = error_of<IoError>([&] { write_graph(tape, "/nowhere/graph.dot"); });
  CHECK(unwritten == "[write_graph] /nowhere/graph.dot cannot be written" + at(__LINE__ - 1));
  Tape empty;
  CHECK(error_of<TapeError>([&] { graph_dot(empty); }) == "[write_graph] the tape is empty");
}

TEST_CASE("write_graph: the page knows values and gradients, and leaves the tape as it was") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", ones({2}));
  Tape tape;
  const Var y = weight * Tensor{3., 5.};
  const Var loss = sum(square(y));
  backward(loss);
  const std::int64_t size = tape.size();
  const std::string gradient = bits_of(registry, true);
  write_graph(tape, scratch("graph.html"));
  CHECK(tape.size() == size);
  CHECK(bits_of(registry, true) == gradient);
  CHECK((loss + 0).item() == 34);  // the tape is the current one again

  const nlohmann::json data = data_of(content(scratch("graph.html")));
  for (const nlohmann::json& node : data["nodes"]) {
    if (node["id"] != y.id()) continue;
    CHECK(node["op"] == "multiply");
    CHECK(node["value"]["min"] == "3");
    CHECK(node["value"]["max"] == "5");
    CHECK(node["gradient"]["min"] == "6");
    CHECK(node["gradient"]["max"] == "10");
    CHECK(node["text"] == "const Var y = weight * Tensor{3., 5.};");
    return;
  }
  FAIL("the page has no such node");
}
