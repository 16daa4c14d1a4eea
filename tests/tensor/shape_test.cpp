#include <catch2/catch.hpp>

#include <thalweg/error.hpp>
#include <thalweg/shape.hpp>

using thalweg::Shape;

TEST_CASE("Shape: dimensions and size") {
  const Shape shape{2, 3, 4};
  CHECK(shape.rank() == 3);
  CHECK(shape.size() == 24);
  CHECK(shape[1] == 3);
  CHECK(shape.back() == 4);
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{0, 3}.size() == 0);
  CHECK(shape == Shape{2, 3, 4});
  CHECK_FALSE(shape == Shape{2, 3});
  CHECK_FALSE(shape == Shape{2, 4, 3});
}

TEST_CASE("Shape: what is no shape") {
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), thalweg::ShapeError);
  CHECK_THROWS_AS((Shape{2, -1}), thalweg::ShapeError);
  CHECK_THROWS_AS((Shape{std::int64_t{1} << 32, std::int64_t{1} << 32}), thalweg::ShapeError);
  CHECK_THROWS_AS((Shape{0, std::int64_t{1} << 32, std::int64_t{1} << 32}), thalweg::ShapeError);
  const auto line = std::to_string(__LINE__ + 1);
  CHECK_THROWS_WITH((Shape{2, -1}), "[shape] (2, -1) has a negative dimension at shape_test.cpp:" + line);
}

TEST_CASE("Shape: text is NumPy's") {
  CHECK(to_string(Shape{}) == "()");
  CHECK(to_string(Shape{3}) == "(3,)");
  CHECK(to_string(Shape{2, 3}) == "(2, 3)");
}

TEST_CASE("broadcast_shapes: NumPy's rule") {
  using thalweg::broadcast_shapes;
  CHECK(broadcast_shapes("add", {3, 1}, {1, 4}) == Shape{3, 4});
  CHECK(broadcast_shapes("add", {4, 0}, {4, 1}) == Shape{4, 0});
  CHECK(broadcast_shapes("add", {2, 3}, {3}) == Shape{2, 3});
  CHECK(broadcast_shapes("add", {}, {2}) == Shape{2});
  CHECK_THROWS_WITH(broadcast_shapes("add", {2, 3}, {4}), "[add] shapes do not broadcast: lhs (2, 3), rhs (4,)");
}

TEST_CASE("axis_of: counts from either end") {
  using thalweg::axis_of;
  CHECK(axis_of("sum", -1, 2) == 1);
  CHECK(axis_of("sum", 0, 2) == 0);
  CHECK_THROWS_WITH(axis_of("sum", 2, 2), "[sum] axis 2 is out of range for rank 2");
  CHECK_THROWS_AS(axis_of("sum", -3, 2), thalweg::IndexError);
}
