#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include <thalweg/error.hpp>
#include <thalweg/train/progress.hpp>

namespace tw = thalweg;

namespace {

struct File {
  std::FILE* stream = std::tmpfile();
  ~File() { std::fclose(stream); }

  std::string text() const {
    std::string result(static_cast<std::size_t>(std::ftell(stream)), ' ');
    std::rewind(stream);
    REQUIRE(std::fread(result.data(), 1, result.size(), stream) == result.size());
    return result;
  }
};

}  // namespace

TEST_CASE("Progress: ten plain lines where there is no terminal, with the last values") {
  const File file;
  {
    tw::Progress progress("training", 1000, file.stream);
    for (int i = 1; i <= 1000; ++i) progress.tick({{"loss", 0.5 * i}, {"rate", 0.01}});
    CHECK(progress.done() == 1000);
  }
  const std::string text = file.text();
  CHECK(std::count(text.begin(), text.end(), '\n') == 10);
  CHECK_THAT(text, Catch::StartsWith("training  100/1000  "));
  CHECK_THAT(text, Catch::Contains(" left  loss 50  rate 0.01\n") && Catch::Contains("  1000/1000  "));
  CHECK_THAT(text, Catch::EndsWith("  loss 500  rate 0.01\n"));
  CHECK_THAT(text, !Catch::Contains("\r") && !Catch::Contains("\033"));
}

TEST_CASE("Progress: a loop that ends early shows where it ended") {
  const File file;
  {
    tw::Progress progress("training", 1000, file.stream);
    for (int i = 0; i < 42; ++i) progress.tick();
  }
  CHECK_THAT(file.text(), Catch::StartsWith("training  42/1000  "));
}

TEST_CASE("Progress: a total without meaning") {
  CHECK_THROWS_WITH(tw::Progress("training", 0), "[Progress] total must be at least 1, got 0");
}
