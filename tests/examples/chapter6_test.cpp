#include <catch2/catch.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include <thalweg/thalweg.hpp>

#include "examples/ch06/network.hpp"
#include "examples/ch06/page.hpp"
#include "examples/ch06/sections.hpp"

namespace fs = std::filesystem;
namespace tw = thalweg;

namespace {

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "thalweg-chapter6-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
};

std::int64_t parameter_count(const ch06::Net& net) { return net.registry.element_count(); }

}  // namespace

TEST_CASE("chapter 6: the paths down the valley are the book's, to 1e-12") {
  int compared = 0;
  for (auto* section : {ch06::sgd, ch06::momentum, ch06::adagrad, ch06::adam}) {
    report::Results results;
    section({.seeds = {0}}, results);
    for (const report::Number& number : results.numbers()) {
      if (number.column != "from the book") continue;
      ++compared;
      CHECK(number.value <= 1e-12);
      CHECK(number.inside() == true);
    }
    CHECK(results.all_inside());
    CHECK(!results.figures().empty());
  }
  CHECK(compared == 6);
}

TEST_CASE("chapter 6: the ball leaves the upper valley, SGD does not") {
  report::Results results;
  ch06::momentum({.seeds = {0}}, results);
  const auto end_of = [&](const char* name) {
    for (const report::Number& number : results.numbers())
      if (number.row == name && number.column == "ends at x") return number.value;
    return 0.0;
  };
  CHECK(end_of("SGD") > 1.5);
  CHECK(end_of("Momentum") < -2);
  CHECK(end_of("NAG") < -2);
}

TEST_CASE("chapter 6: the networks have the book's numbers of parameters") {
  CHECK(parameter_count(ch06::MultiLayerNet({.sizes = ch06::mnist_sizes(4)})) == 109'810);
  CHECK(parameter_count(ch06::MultiLayerNet({.sizes = ch06::mnist_sizes(6)})) == 130'010);
  CHECK(parameter_count(ch06::MultiLayerNetExtend({.sizes = ch06::mnist_sizes(5), .batch_norm = true})) == 120'910);
}

TEST_CASE("chapter 6: the extended network without its extensions is the plain one, bit for bit") {
  const tw::Batch batch{tw::Tensor::full({4, 784}, 0.5), tw::Tensor{1, 2, 3, 4}};
  const ch06::MultiLayerNet plain({.sizes = ch06::mnist_sizes(2), .seed = 3, .weight_decay = 0.1});
  const ch06::MultiLayerNetExtend extended({.sizes = ch06::mnist_sizes(2), .seed = 3, .weight_decay = 0.1});
  const auto loss = [&](const ch06::Net& net) { return tw::compute([&] { return net.loss(batch); }); };
  CHECK(tw::identical(loss(plain), loss(extended)));
}

TEST_CASE("chapter 6: deviations of activations are the book's") {
  report::Results results(5, [] {
    std::vector<report::BandTable> bands;
    for (const report::BandTable& table : ch06::chapter().bands)
      if (table.section == "6.2.3") bands.push_back(table);
    return bands;
  }());
  ch06::activation_histograms({.seeds = {0, 1, 2, 3, 4}}, results);
  CHECK(results.unmeasured().empty());
  CHECK(results.all_inside());
}

TEST_CASE("chapter 6: every section has a text in both languages, and an excerpt where the page shows its source") {
  const report::Job job = ch06::chapter();
  REQUIRE(job.languages.size() == 2);
  std::set<std::string> ids;
  for (const report::Section& section : job.sections) {
    CHECK(ids.insert(section.id).second);
    CHECK(!section.about.empty());
    const auto has_excerpt = [&](const report::Excerpt& excerpt) { return excerpt.section == section.id; };
    CHECK(std::any_of(job.excerpts.begin(), job.excerpts.end(), has_excerpt));
    for (const report::PageText& language : job.languages) {
      const auto has_text = [&](const report::SectionText& text) { return text.id == section.id; };
      CHECK(std::count_if(language.sections.begin(), language.sections.end(), has_text) == 1);
    }
  }
  for (const report::BandTable& table : job.bands) CHECK(ids.count(table.section) == 1);
}

namespace {

/// Lines of code: neither empty nor a comment alone.
int count_lines(const std::string& text) {
  int count = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    count += begin != std::string::npos && line.compare(begin, 2, "//") != 0 ? 1 : 0;
  }
  return count;
}

std::string excerpt(const report::Job& job, const std::string& file) {
  for (const report::Excerpt& excerpt : job.excerpts)
    if (excerpt.file == "examples/ch06/" + file) return excerpt.text;
  return "";
}

/// A function of a source, from its name's line to its closing brace.
std::string function(const std::string& text, const std::string& name) {
  const std::size_t begin = text.find(name);
  return begin == std::string::npos ? "" : text.substr(begin, text.find("\n}\n", begin) + 3 - begin);
}

}  // namespace

TEST_CASE("chapter 6: no program is longer than the book's listing for the same thing") {
  // Of the book's programs (github.com/oreilly-japan/deep-learning-from-scratch, ch06) those lines are counted that stand
  // between the loading of the data and the drawing, without empty ones, comments and what only prints; what they import
  // from common/ is not. Of ours the part that the page shows, without what is the library's, and the constants it uses: as
  // many as the book has of them where ours compares more.
  const report::Job job = ch06::chapter();
  const std::string training = excerpt(job, "training.hpp");
  const auto lines_of = [&](const std::string& file) {
    const int count = count_lines(excerpt(job, file));
    CHECK(count > 0);
    return count;
  };
  const int drawn_batches = count_lines(function(training, "inline tw::TrainerOptions on_drawn_batches"));
  const int few_samples = count_lines(function(training, "inline tw::TrainerOptions as_in_the_book"));
  CHECK(drawn_batches >= 5);
  CHECK(few_samples >= 5);
  constexpr int iterations = 1, names = 1, decay = 1, epochs = 1, ratio = 1, trials = 1, scales = 4;
  CHECK(lines_of("valley.hpp") + lines_of("adam.cpp") <= 24);                          // optimizer_compare_naive.py
  CHECK(lines_of("optimizers_mnist.cpp") + drawn_batches + iterations + names <= 24);  // optimizer_compare_mnist.py
  CHECK(lines_of("activations.cpp") <= 18);                                            // …_activation_histogram.py
  CHECK(lines_of("weights_mnist.cpp") + drawn_batches + iterations + names <= 20);     // weight_init_compare.py
  CHECK(lines_of("batch_norm.cpp") + few_samples + epochs + scales <= 32);             // batch_norm_test.py
  CHECK(lines_of("weight_decay.cpp") + few_samples + epochs + decay <= 28);            // overfit_weight_decay.py
  CHECK(lines_of("dropout.cpp") + ratio <= 11);           // overfit_dropout.py, whose loop is in common/trainer.py
  CHECK(lines_of("search.cpp") + epochs + trials <= 27);  // hyperparameter_optimization.py, likewise
}

TEST_CASE("chapter 6: a section of the valley, run alone, and the page in both languages") {
  const Folder folder;
  const report::Job job = ch06::chapter();
  const std::string out = folder.path / "out";
  for (const auto& [language, not_run] : {std::pair{"en", "Not run."}, std::pair{"ko", "실행하지 않음."}}) {
    const char* arguments[] = {"chapter6", "--sections", "6.1.4", "--out", out.c_str(), "--language", language};
    CHECK(report::run_job(std::size(arguments), arguments, job) == 0);
    std::ostringstream text;
    text << std::ifstream(fs::path(out) / "chapter6.html").rdbuf();
    const std::string page = text.str();
    CHECK_THAT(page, Catch::Contains(fmt::format("<html lang=\"{}\">", language)));
    CHECK_THAT(page, Catch::Contains("<svg") && Catch::Contains("Optimizer optimizer(registry"));
    CHECK_THAT(page, !Catch::Contains("f}}") && !Catch::Contains("src=\"http") && !Catch::Contains("href=\"http"));
    CHECK_THAT(page, Catch::Contains("0.896") && Catch::Contains(not_run));  // 6.1.3
  }
  CHECK(fs::exists(fs::path(out) / "6.1.4" / "paths.png"));
  CHECK(fs::exists(fs::path(out) / "6.1.4" / "one_dimension.svg"));
}

TEST_CASE("chapter 6: a source without its excerpt fails the build") {
  const Folder folder;
  std::ofstream(folder.path / "whole.cpp") << "int a;\n// [excerpt]\nint b; // a \"quote\"; [x]\n// [/excerpt]\n";
  std::ofstream(folder.path / "none.cpp") << "int a;\n";
  const auto make = [&](const std::string& source) {
    const std::string command =
        fmt::format("cmake \"-DSOURCES=1={}\" \"-DFOLDER={}\" \"-DOUT={}\" -P examples/excerpts.cmake 2>/dev/null",
                    source, folder.path.string(), (folder.path / "out.cpp").string());
    return std::system(command.c_str());
  };
  CHECK(make("whole.cpp") == 0);
  std::ostringstream text;
  text << std::ifstream(folder.path / "out.cpp").rdbuf();
  CHECK_THAT(text.str(), Catch::Contains("R\"excerpt(int b; // a \"quote\"; [x]\n)excerpt\""));
  CHECK(make("none.cpp") != 0);
}
