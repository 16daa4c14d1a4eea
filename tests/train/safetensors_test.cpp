#include <thalweg/train/safetensors.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include <unistd.h>

#include <fmt/format.h>

#include <thalweg/nn/initializers.hpp>
#include <thalweg/train/checkpoint.hpp>

namespace tw = thalweg;

namespace {

/// A file that goes when the test ends.
struct TemporaryFile {
  std::string path = std::filesystem::temp_directory_path() / fmt::format("thalweg_{}.safetensors", ::getpid());
  ~TemporaryFile() { std::filesystem::remove(path); }
};

/// One tensor, as a file of safetensors has it.
void write_file(const std::string& path, const std::string& dtype, const std::string& shape, const std::string& data) {
  const std::string header =
      fmt::format(R"({{"x":{{"dtype":"{}","shape":{},"data_offsets":[0,{}]}}}})", dtype, shape, data.size());
  const std::uint64_t length = header.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof length);
  file << header << data;
}

}  // namespace

TEST_CASE("safetensors: what is saved is loaded, of every dtype") {
  const TemporaryFile file;
  const std::map<std::string, tw::Tensor> tensors{{"a", tw::Tensor{{1., 2.5}, {-3., 4.}}},
                                                  {"b.weight", tw::Tensor({0.1, 1e300}, tw::f64)},
                                                  {"c", tw::Tensor{1, -2, 3}},
                                                  {"d", tw::Tensor{true, false}},
                                                  {"empty", tw::Tensor::zeros({2, 0})},
                                                  {"number", tw::Tensor(7.)}};
  tw::save_safetensors(file.path, tensors);
  const auto loaded = tw::load_safetensors(file.path);
  REQUIRE(loaded.size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    INFO(name);
    CHECK(identical(loaded.at(name), tensor));
  }
}

// The bytes are those that torch 2.x writes: torch.tensor([…], dtype=…).numpy().tobytes(), bf16 as its upper 16 bits.
TEST_CASE("safetensors: other programs' dtypes are read as f32 and i64, exactly; what is not 0 is true") {
  const TemporaryFile file;
  const auto load = [&](const std::string& dtype, const std::string& shape, const std::string& data) {
    write_file(file.path, dtype, shape, data);
    return tw::load_safetensors(file.path).at("x");
  };
  using namespace std::string_literals;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  // 1, −2.5, 65504 (the largest), 2⁻²⁴ (the smallest), 2⁻¹⁴, −0, inf, −inf
  const tw::Tensor halves = load("F16", "[2,4]", "\x00\x3c\x00\xc1\xff\x7b\x01\x00\x00\x04\x00\x80\x00\x7c\x00\xfc"s);
  CHECK(identical(halves, tw::Tensor{{1., -2.5, 65504., 0x1p-24}, {0x1p-14, -0., infinity, -infinity}}));
  CHECK(std::isnan(load("F16", "[1]", "\x01\x7e"s).item()));
  CHECK(identical(load("BF16", "[3]", "\x80\x3f\x49\x40\x80\xff"s), tw::Tensor{1., 3.140625, -infinity}));
  CHECK(identical(load("I32", "[2]", "\xff\xff\xff\xff\x00\x00\x00\x80"s), tw::Tensor{-1, -2147483648}));
  CHECK(identical(load("U32", "[1]", "\xff\xff\xff\xff"s), tw::Tensor{4294967295}));
  CHECK(identical(load("I16", "[1]", "\x00\x80"s), tw::Tensor{-32768}));
  CHECK(identical(load("U16", "[1]", "\x00\x80"s), tw::Tensor{32768}));
  CHECK(identical(load("I8", "[3]", "\x01\xff\x80"s), tw::Tensor{1, -1, -128}));
  CHECK(identical(load("U8", "[]", "\xff"s), tw::Tensor(255)));
  const tw::Tensor bools = load("BOOL", "[3]", "\x02\x00\xff"s);
  CHECK(std::memcmp(bools.raw(), "\x01\x00\x01", 3) == 0);
}

TEST_CASE("safetensors: errors name the file and the caller's line") {
  const TemporaryFile file;
  constexpr tw::SourceLine line{"main.cpp", 3};
  const auto starts = "[safetensors] " + file.path + ": ";
  CHECK_THROWS_WITH(tw::load_safetensors(file.path, line),
                    starts + "it cannot be opened: No such file or directory at main.cpp:3");
  write_file(file.path, "U64", "[1]", "12345678");
  CHECK_THROWS_WITH(tw::load_safetensors(file.path, line), Catch::StartsWith(starts) && Catch::Contains("found U64"));
  write_file(file.path, "F16", "[3]", "1234");
  CHECK_THROWS_WITH(tw::load_safetensors(file.path, line),
                    starts + "\"x\": expected 6 bytes for (3,), found 4 at main.cpp:3");
  CHECK_THROWS_AS(tw::save_safetensors("/nonexistent/x.safetensors", {}), tw::IoError);
}

TEST_CASE("safetensors: parameters of a checkpoint go to layers of other names") {
  const TemporaryFile file;
  tw::ParameterRegistry old, renamed;
  const tw::Parameter weight = old.add("encoder.weight", tw::he_normal({3, 2}));
  const tw::Parameter taken = renamed.add("backbone.weight", tw::zeros({3, 2}));
  tw::Checkpoint(old).save(file.path);
  const std::string before = "parameter/encoder.";
  for (const auto& [name, tensor] : tw::load_safetensors(file.path))
    if (name.starts_with(before)) renamed["backbone." + name.substr(before.size())].set_value(tensor);
  CHECK(identical(taken.value(), weight.value()));
}
