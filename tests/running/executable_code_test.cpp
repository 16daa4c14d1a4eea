#include "src/run/executable_code.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

using namespace thalweg::run;

namespace {

/// mov eax, number; ret
std::vector<std::uint8_t> code_that_gives(std::uint8_t number) { return {0xB8, number, 0, 0, 0, 0xC3}; }

int call(const std::shared_ptr<const std::uint8_t>& code) {
  return reinterpret_cast<int (*)()>(const_cast<std::uint8_t*>(code.get()))();
}

}  // namespace

TEST_CASE("executable code: the same bytes are held once, as long as they are held") {
  auto seven = executable_code(code_that_gives(7));
  const auto eight = executable_code(code_that_gives(8));
  CHECK(call(seven) == 7);
  CHECK(call(eight) == 8);
  CHECK(seven == executable_code(code_that_gives(7)));
  CHECK(seven != eight);
  const std::weak_ptr<const std::uint8_t> place = std::exchange(seven, nullptr);
  CHECK(place.expired());
  CHECK(call(executable_code(code_that_gives(7))) == 7);
}

TEST_CASE("executable code: codes come and go") {
  std::vector<std::shared_ptr<const std::uint8_t>> held;
  for (int round = 0; round < 4; ++round)
    for (int number = 0; number < 200; ++number) {
      auto code = executable_code(code_that_gives(static_cast<std::uint8_t>(number)));
      CHECK(call(code) == number);
      if (number % 3 == 0) held.push_back(std::move(code));
    }
  for (std::size_t i = 67; i < held.size(); ++i) CHECK(held[i] == held[i % 67]);
}

#endif
