#pragma once
#include <string>

#include <catch2/catch.hpp>

namespace thalweg::test {

/// The text of the error that `body` throws; a failed check where it throws another or none.
template <class Exception, class Body>
std::string thrown(Body&& body) {
  try {
    body();
  } catch (const Exception& error) {
    return error.what();
  }
  FAIL("nothing was thrown");
  return "";
}

}  // namespace thalweg::test
