#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <thread>
#include <type_traits>
#include <vector>

#include <thalweg/error.hpp>
#include <thalweg/format.hpp>
#include <thalweg/random.hpp>
#include <thalweg/tensor.hpp>

namespace tw = thalweg;
using tw::boolean;
using tw::f32;
using tw::f64;
using tw::i64;
using tw::Shape;
using tw::Tensor;

namespace {

const double not_a_number = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();
const std::int64_t two_to_53 = std::int64_t{1} << 53;

}  // namespace

namespace Catch {
template <>
struct StringMaker<Tensor> {
  static std::string convert(const Tensor& tensor) {
    return fmt::format("{} {}\n{}", tensor.dtype(), tensor.shape(), tensor);
  }
};
template <>
struct StringMaker<Shape> {
  static std::string convert(const Shape& shape) { return to_string(shape); }
};
}  // namespace Catch

TEST_CASE("Tensor: dimensions and indices are integers of any type") {
  const std::size_t rows = 2, columns = 3;
  const std::int32_t row = 1;
  Tensor x = Tensor::zeros({rows, columns});
  CHECK(x.shape() == Shape{2, 3});
  x.set<float>({row, columns - 1}, 7);
  CHECK(x.at<float>({rows - 1, -1}) == 7);
  CHECK(x.reshape({columns, -1}).shape() == Shape{columns, rows});
  CHECK_THROWS_WITH(Shape({columns, std::size_t{0} - 1}), Catch::Contains("(3, -1) has a negative dimension"));
  CHECK_THROWS_WITH(Shape({1, 1, 1, 1, 1, 1, 1, 1, rows}),
                    Catch::Contains("(1, 1, 1, 1, 1, 1, 1, 1, 2) has more than 8 dimensions"));
  CHECK_THROWS_WITH(x.reshape({1, 1, 1, 1, 1, 1, 1, 6, 1, 1}), Catch::Contains("at most 8 dimensions are possible"));
}

TEST_CASE("Tensor: the elements of a temporary keep it alive") {
  const auto temporary = [] { return Tensor::full({50}, 3, f64); };
  const auto elements = temporary().data<double>();
  const Tensor next = Tensor::full({50}, 4, f64);  // takes its memory where it has been given back
  CHECK(std::all_of(elements.begin(), elements.end(), [](double x) { return x == 3; }));
  double sum = 0;
  for (const double x : temporary().data<double>()) sum += x;
  CHECK(sum == 150);
  CHECK(next.data<double>()[0] == 4);
}

TEST_CASE("Tensor literals: braces are values, never a shape") {
  CHECK(Tensor{{1., 2.}, {3., 4.}}.shape() == Shape{2, 2});
  CHECK(Tensor{2, 3}.shape() == Shape{2});
  CHECK(Tensor{2, 3}.at<std::int64_t>({1}) == 3);
  CHECK(Tensor{2.5}.shape() == Shape{1});
  CHECK(Tensor{{1., 2.}}.shape() == Shape{1, 2});
  CHECK(Tensor{{1.}, {2.}}.shape() == Shape{2, 1});
  CHECK(Tensor{{{1.}}}.shape() == Shape{1, 1, 1});
  CHECK(Tensor({1., 2.}).shape() == Shape{2});
  CHECK(Tensor{{}}.shape() == Shape{1, 0});
  const Tensor deep{{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}};
  CHECK(deep.shape() == Shape{2, 2, 2});
  for (std::int64_t i = 0; i < 8; ++i) CHECK(deep.at<std::int64_t>({i / 4, i / 2 % 2, i % 2}) == i + 1);
}

TEST_CASE("Tensor literals: dtypes") {
  CHECK(Tensor{1., 2.}.dtype() == f32);
  CHECK(Tensor{1.F, 2.F}.dtype() == f32);
  CHECK(Tensor{1, 2}.dtype() == i64);
  CHECK(Tensor{1, 2.}.dtype() == f32);
  CHECK(Tensor{true, false}.dtype() == boolean);
  CHECK(Tensor{{true}, {2}}.dtype() == i64);
  CHECK(Tensor{1U, 2U}.dtype() == i64);
  CHECK(Tensor({1, 2}, f64).dtype() == f64);
  CHECK(Tensor({0.1}, f64).at<double>({0}) == 0.1);
  CHECK(Tensor{two_to_53 + 1}.at<std::int64_t>({0}) == two_to_53 + 1);
  CHECK(identical(Tensor({0., 0.5, not_a_number}, boolean), Tensor{false, true, true}));
}

TEST_CASE("Tensor literals: ragged ones are ShapeErrors") {
  CHECK_THROWS_AS((Tensor{{1., 2.}, {3.}}), tw::ShapeError);
  CHECK_THROWS_AS((Tensor{{1., 2.}, 3.}), tw::ShapeError);
  CHECK_THROWS_AS((Tensor{1., {3.}}), tw::ShapeError);
  CHECK_THROWS_AS((Tensor{{{1.}}, {2.}}), tw::ShapeError);
  CHECK_THROWS_AS((Tensor{{1.}, {}}), tw::ShapeError);
  CHECK_THROWS_AS((Tensor{{}, {1.}}), tw::ShapeError);
  CHECK_THROWS_AS((Tensor{{{{{{{{{1.}}}}}}}}}), tw::ShapeError);
}

TEST_CASE("Tensor: what cannot be made is named with the line that asked for it") {
  tw::Random random;
  const auto at = [](unsigned line) { return fmt::format(" at tensor_test.cpp:{}", line); };
  const Shape too_large{std::int64_t{1} << 61};
  const std::string too_many = " (2305843009213693952,) f32 needs more bytes than int64 counts";
  const std::string ragged = "[Tensor] the braces are ragged: rows of one level must have the same length and depth";
  CHECK_THROWS_WITH((Tensor{{1., 2.}, {3.}}), ragged + at(__LINE__));
  CHECK_THROWS_WITH(Tensor({1e30}, i64), "[Tensor] 1e+30 has no i64 value" + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::empty(too_large), "[empty]" + too_many + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::zeros(too_large), "[zeros]" + too_many + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::ones(too_large), "[ones]" + too_many + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::full(too_large, 2), "[full]" + too_many + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::full({1}, 0.5, i64), "[full] 0.5 has no i64 value" + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::arange(-1), "[arange] count -1 is negative" + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::arange(0, 5, 0), "[arange] step is 0" + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::eye(-2), "[eye] size -2 is negative" + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::linspace(0, 1, -2), "[linspace] count -2 is negative" + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::linspace(0, 1, 2, i64), "[linspace] the numbers are f32 or f64, not i64" + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::uniform({1}, random, i64), "[uniform] draws are f32 or f64, not i64" + at(__LINE__));
  CHECK_THROWS_WITH(Tensor::zeros({2, -1}), "[shape] (2, -1) has a negative dimension" + at(__LINE__));
}

TEST_CASE("Tensor: numbers are 0-d tensors") {
  const Tensor real = 2.5, integer = 3, truth = true, large = two_to_53 + 1;
  CHECK((real.dtype() == f32 && real.rank() == 0 && real.item() == 2.5));
  CHECK((integer.dtype() == i64 && integer.item() == 3));
  CHECK((truth.dtype() == boolean && truth.item() == 1));
  CHECK(large.at<std::int64_t>({}) == two_to_53 + 1);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<const char*, Tensor>);
}

TEST_CASE("Tensor: a default-constructed or moved-from one is empty") {
  Tensor a;
  CHECK((a.shape() == Shape{0} && a.dtype() == f32 && a.data<float>().empty()));
  Tensor b{1, 2};
  const Tensor c = std::move(b);
  CHECK(b.shape() == Shape{0});  // NOLINT(bugprone-use-after-move)
  CHECK(b.mutable_data<float>().empty());
  CHECK(c.size() == 2);
  CHECK(identical(a, b));
}

TEST_CASE("Tensor: makers") {
  CHECK(identical(Tensor::zeros({2}, f64), Tensor({0., 0.}, f64)));
  CHECK(identical(Tensor::ones({2}), Tensor{1., 1.}));
  CHECK(identical(Tensor::full({2}, 2.5), Tensor{2.5, 2.5}));
  CHECK(identical(Tensor::full({2}, 3, i64), Tensor{3, 3}));
  CHECK(identical(Tensor::full({}, 1, boolean), Tensor(true)));
  CHECK(identical(Tensor::arange(3), Tensor{0, 1, 2}));
  CHECK(identical(Tensor::arange(3, f32), Tensor{0., 1., 2.}));
  CHECK(identical(Tensor::from(std::vector<double>{1, 2}, {2, 1}), Tensor({{1.}, {2.}}, f64)));
  CHECK(identical(Tensor::from(std::vector<double>{1, 2}), Tensor({1., 2.}, f64)));
  CHECK(identical(Tensor::from(std::array<float, 2>{1, 2}), Tensor{1., 2.}));
  CHECK(identical(Tensor::from(std::vector<int>{1, -2}), Tensor{1, -2}));
  CHECK(identical(Tensor::from(std::vector<std::uint8_t>{0, 255}, {2, 1}), Tensor{{0}, {255}}));
  CHECK(identical(Tensor::from(std::vector<float>{}, {0, 3}), Tensor::zeros({0, 3})));
  CHECK(identical(Tensor::from(std::vector<float>{4}, {}), Tensor(4.F)));
  CHECK(identical(Tensor::arange(2, 5), Tensor{2, 3, 4}));
  CHECK(identical(Tensor::arange(2, 10, 3, f64), Tensor({2., 5., 8.}, f64)));
  CHECK(identical(Tensor::arange(2, 8, 3), Tensor{2, 5}));
  CHECK(identical(Tensor::arange(5, 0, -2), Tensor{5, 3, 1}));
  CHECK(Tensor::arange(5, 2).shape() == Shape{0});
  CHECK(Tensor::arange(2, 2).shape() == Shape{0});
  const auto far = std::numeric_limits<std::int64_t>::max();
  CHECK(identical(Tensor::arange(-far, far, far), Tensor{-far, std::int64_t{0}}));
  CHECK(identical(Tensor::arange(far, -far, -far), Tensor{far, std::int64_t{0}}));
  CHECK(identical(Tensor::eye(2), Tensor{{1., 0.}, {0., 1.}}));
  CHECK(identical(Tensor::eye(3, i64), Tensor{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}));
  CHECK(Tensor::eye(0).shape() == Shape{0, 0});
  CHECK(identical(Tensor::linspace(1, 2, 5), Tensor{1., 1.25, 1.5, 1.75, 2.}));
  CHECK(identical(Tensor::linspace(3, 3.5, 1, f64), Tensor({3.}, f64)));
  CHECK(identical(Tensor::linspace(2, -1, 4, f64), Tensor({2., 1., 0., -1.}, f64)));
  CHECK(Tensor::linspace(0, 0.7, 8, f64).at<double>({-1}) == 0.7);
  CHECK(Tensor::linspace(0, 1, 0).shape() == Shape{0});
  CHECK(identical(zeros_like(Tensor{{1, 2}}), Tensor{{0, 0}}));
  CHECK(identical(ones_like(Tensor({1., 2.}, f64)), Tensor({1., 1.}, f64)));
  const std::string too_few = "[from] 2 values for shape (3,) of 3 elements at tensor_test.cpp:";
  CHECK_THROWS_WITH(Tensor::from(std::vector<float>{1, 2}, {3}), too_few + std::to_string(__LINE__));
  CHECK_THROWS_AS(Tensor::full({1}, 0.5, i64), tw::ValueError);
  CHECK_THROWS_AS(Tensor::full({1}, not_a_number, i64), tw::ValueError);
  CHECK_THROWS_AS(Tensor::arange(-1), tw::ValueError);
}

TEST_CASE("Tensor: too large is a ShapeError, before any allocation") {
  CHECK_THROWS_AS(Tensor::empty({std::int64_t{1} << 32, std::int64_t{1} << 32}), tw::ShapeError);
  CHECK_THROWS_AS(Tensor::empty({std::int64_t{1} << 61}, f64), tw::ShapeError);
  CHECK_THROWS_AS(Tensor::zeros({std::int64_t{1} << 60}, f64), tw::ShapeError);
}

TEST_CASE("Tensor: buffers are aligned and whole lines are usable") {
  for (const std::int64_t size : {0, 1, 15, 16, 17, 100, 1000, 5000, 300000}) {
    Tensor tensor = Tensor::empty({size});
    CAPTURE(size);
    CHECK(reinterpret_cast<std::uintptr_t>(tensor.raw()) % 64 == 0);
    auto* bytes = static_cast<unsigned char*>(tensor.mutable_raw());
    const std::size_t whole = (tensor.bytes() + 63) / 64 * 64;
    std::fill_n(bytes, whole, std::uint8_t{0xAB});
    CHECK(std::count(bytes, bytes + whole, 0xAB) == static_cast<std::ptrdiff_t>(whole));
  }
}

TEST_CASE("Tensor: buffers in use at one time are distinct") {
  std::vector<Tensor> tensors;
  for (std::int64_t i = 0; i < 200; ++i) tensors.push_back(Tensor::full({i % 40 * 17}, static_cast<double>(i), i64));
  for (std::size_t i = 0; i < tensors.size(); i += 2) tensors[i] = Tensor::full({tensors[i].size()}, -1, i64);
  bool unharmed = true;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    for (const std::int64_t element : tensors[i].data<std::int64_t>())
      unharmed = unharmed && element == (i % 2 == 0 ? -1 : static_cast<std::int64_t>(i));
  CHECK(unharmed);
}

TEST_CASE("Tensor: may be released on another thread") {
  for (int turn = 0; turn < 20; ++turn) {
    Tensor tensor = Tensor::full({1000}, turn);
    std::thread([moved = std::move(tensor), turn] { REQUIRE(moved.at<float>({999}) == turn); }).join();
    Tensor shared = Tensor::full({1000}, turn);
    std::thread other([copy = shared]() mutable { copy.set<float>({0}, -1); });
    CHECK(shared.at<float>({0}) == turn);
    other.join();
  }
}

TEST_CASE("Tensor: writing un-shares") {
  Tensor a{1., 2.};
  const Tensor b = a;
  CHECK(a.raw() == b.raw());
  a.set<float>({0}, 5);
  CHECK(a.raw() != b.raw());
  CHECK(identical(a, Tensor{5., 2.}));
  CHECK(identical(b, Tensor{1., 2.}));
  const void* alone = a.raw();
  a.mutable_data<float>()[1] = 6;
  CHECK(a.raw() == alone);
  Tensor view = b.reshape({2, 1});
  CHECK(view.raw() == b.raw());
  view.set<float>({0, 0}, 9);
  CHECK(identical(b, Tensor{1., 2.}));
}

TEST_CASE("Tensor: borrowed memory is held, read and written through") {
  auto owner = std::make_shared<std::vector<double>>(std::vector<double>{1, 2, 3});
  const std::weak_ptr<void> watch = owner;
  double* memory = owner->data();
  Tensor tensor = Tensor::borrow(memory, {3}, owner);
  owner.reset();
  CHECK_FALSE(watch.expired());
  CHECK(tensor.raw() == memory);

  tensor.set<double>({0}, 10);  // alone: the caller's memory
  CHECK(memory[0] == 10);
  const Tensor other = tensor;
  tensor.set<double>({0}, 20);  // shared: a copy
  CHECK(memory[0] == 10);
  CHECK(other.raw() == memory);
  CHECK(tensor.raw() != memory);
  CHECK_FALSE(watch.expired());
  { const Tensor last = std::move(const_cast<Tensor&>(other)); }
  CHECK(watch.expired());
  CHECK_THROWS_AS(Tensor::borrow(static_cast<float*>(nullptr), {3}, nullptr), tw::ValueError);
}

TEST_CASE("Tensor: elements are read as what they are") {
  Tensor tensor{1., 2.};
  CHECK_THROWS_AS(tensor.data<double>(), tw::DtypeError);
  CHECK_THROWS_AS(tensor.mutable_data<std::int64_t>(), tw::DtypeError);
  CHECK_THROWS_AS(tensor.at<double>({0}), tw::DtypeError);
  CHECK_THROWS_AS(tensor.set<bool>({0}, true), tw::DtypeError);
  CHECK_THROWS_WITH(tensor.at<bool>({0}), Catch::Contains("the tensor is f32") && Catch::Contains("as bool") &&
                                              Catch::Contains("at tensor_test.cpp:"));
}

TEST_CASE("Tensor indices: from either end, errors name index, axis and size") {
  Tensor tensor{{1, 2, 3}, {4, 5, 6}};
  CHECK(tensor.at<std::int64_t>({-1, -3}) == 4);
  CHECK(tensor.at<std::int64_t>({1, 2}) == 6);
  CHECK_THROWS_WITH(tensor.at<std::int64_t>({0, 3}),
                    Catch::StartsWith("[at] index 3 is out of range for axis 1 of size 3 at tensor_test.cpp:"));
  const Tensor before = tensor;
  CHECK_THROWS_WITH(tensor.set<std::int64_t>({-3, 0}, 7),
                    Catch::StartsWith("[set] index -3 is out of range for axis 0 of size 2"));
  CHECK(tensor.raw() == before.raw());
  CHECK_THROWS_AS(tensor.at<std::int64_t>({0}), tw::IndexError);
  CHECK_THROWS_AS(tensor.at<std::int64_t>({0, 0, 0}), tw::IndexError);
  CHECK_THROWS_AS(Tensor::zeros({0}).at<float>({0}), tw::IndexError);
  CHECK_THROWS_AS(tensor.at<std::int64_t>({std::numeric_limits<std::int64_t>::min(), 0}), tw::IndexError);
}

TEST_CASE("item: of exactly one element") {
  CHECK(Tensor{{7}}.item() == 7);
  CHECK_THROWS_WITH((Tensor{1., 2.}.item()), Catch::StartsWith("[item] shape (2,) has 2 elements, one is needed"));
  CHECK_THROWS_AS(Tensor().item(), tw::ShapeError);
  const std::int64_t large = (std::int64_t{1} << 53) + 1;  // no double
  CHECK(Tensor{{large}}.item<std::int64_t>() == large);
  CHECK(Tensor{2.5}.item<float>() == 2.5F);
  CHECK_THROWS_WITH(Tensor{2.5}.item<std::int64_t>(), Catch::StartsWith("[item] ") && Catch::Contains("f32"));
  CHECK_THROWS_WITH((Tensor{1, 2}.item<std::int64_t>()), Catch::StartsWith("[item] shape (2,) has 2 elements"));
}

TEST_CASE("reshape: the same elements") {
  const Tensor tensor = Tensor::arange(6).reshape({2, 3});
  CHECK(identical(tensor, Tensor{{0, 1, 2}, {3, 4, 5}}));
  CHECK(tensor.reshape({-1}).shape() == Shape{6});
  CHECK(tensor.reshape({3, -1}).shape() == Shape{3, 2});
  CHECK(tensor.reshape({1, -1, 6}).shape() == Shape{1, 1, 6});
  CHECK(tensor.reshape(Shape{6, 1}).shape() == Shape{6, 1});
  CHECK(Tensor(1.).reshape({1, 1}).shape() == Shape{1, 1});
  CHECK(Tensor{1.}.reshape({}).shape() == Shape{});
  CHECK(Tensor::zeros({0, 3}).reshape({-1, 3}).shape() == Shape{0, 3});
}

TEST_CASE("reshape: errors") {
  const Tensor tensor = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH(tensor.reshape({4, 2}),
                    Catch::StartsWith("[reshape] (2, 3) of 6 elements to (4, 2): that is 8 elements at"));
  CHECK_THROWS_AS(tensor.reshape({-1, 4}), tw::ShapeError);
  CHECK_THROWS_AS(tensor.reshape({-1, -1}), tw::ShapeError);
  CHECK_THROWS_AS(tensor.reshape({-2, -3}), tw::ShapeError);
  CHECK_THROWS_AS(tensor.reshape({}), tw::ShapeError);
  CHECK_THROWS_AS(tensor.reshape({-1, 0}), tw::ShapeError);
  CHECK_THROWS_AS(Tensor::zeros({0, 3}).reshape({-1, 0}), tw::ShapeError);
  CHECK_THROWS_AS(tensor.reshape({1, 1, 1, 1, 1, 1, 1, 2, 3}), tw::ShapeError);
  CHECK_THROWS_AS(tensor.reshape({std::int64_t{1} << 32, std::int64_t{1} << 32}), tw::ShapeError);
}

TEST_CASE("to: conversions") {
  CHECK(identical(Tensor{1.9, -1.9}.to(i64), Tensor{1, -1}));
  CHECK(identical(Tensor{1, 0}.to(f32), Tensor{1., 0.}));
  CHECK(identical(Tensor{true, false}.to(f64), Tensor({1., 0.}, f64)));
  CHECK(identical(Tensor{0., -0., 0.5, not_a_number}.to(boolean), Tensor{false, false, true, true}));
  CHECK(identical(Tensor({0.1}, f64).to(f32), Tensor{0.1}));
  CHECK(std::isinf(Tensor({1e300}, f64).to(f32).item()));
  const Tensor tensor{1., 2.};
  CHECK(tensor.to(f32).raw() == tensor.raw());
  for (const double value : {not_a_number, infinity, -infinity, 0x1p63, -0x1.8p63}) {
    CAPTURE(value);
    CHECK_THROWS_AS(Tensor({value}, f64).to(i64), tw::ValueError);
  }
  CHECK(Tensor({-0x1p63}, f64).to(i64).at<std::int64_t>({0}) == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("subnormals survive copies and conversions") {
  const Tensor tensor({1e-310, -5e-324}, f64);
  Tensor copy = tensor;
  copy.mutable_data<double>();
  CHECK(identical(copy, tensor));
  CHECK(copy.at<double>({0}) == 1e-310);
  CHECK(Tensor{1e-45}.to(f64).to(f32).at<float>({0}) == 1e-45F);
  CHECK(Tensor({1e-310}, f64).to(boolean).item() == 1);
  CHECK(Tensor({1e-310}, f64).item() + 0.0 == 1e-310);
}

TEST_CASE("nonzero: the indices of what is not 0, in row-major order") {
  CHECK(identical(nonzero(Tensor{{0., 1.5, 0.}, {-2., 0., std::nan("")}}), Tensor{{0, 1}, {1, 0}, {1, 2}}));
  CHECK(identical(nonzero(Tensor{true, false, true}), Tensor{{0}, {2}}));
  CHECK(identical(nonzero(Tensor({0., -0., 3.}, f64)), Tensor{{2}}));
  CHECK(identical(nonzero(Tensor{{{0, 7}}}), Tensor{{0, 0, 1}}));
  CHECK(nonzero(Tensor{0, 0}).shape() == Shape{0, 1});
  CHECK(nonzero(Tensor::ones({0, 3})).shape() == Shape{0, 2});
  CHECK(nonzero(Tensor(4)).shape() == Shape{1, 0});
  CHECK(nonzero(Tensor(0)).shape() == Shape{0, 0});
}

TEST_CASE("identical: dtype, shape and bits") {
  const Tensor a{1., not_a_number, -0.};
  CHECK(identical(a, Tensor{1., not_a_number, -0.}));
  CHECK_FALSE(identical(a, Tensor{1., not_a_number, 0.}));
  CHECK_FALSE(identical(Tensor{1., 2.}, Tensor{{1., 2.}}));
  CHECK_FALSE(identical(Tensor{1.}, Tensor{1}));
  CHECK(identical(Tensor::zeros({0, 2}), Tensor::zeros({0, 2})));
  CHECK_FALSE(identical(Tensor::zeros({0, 2}), Tensor::zeros({2, 0})));
}

TEST_CASE("all_close: tolerances, NaN and infinities") {
  CHECK(all_close(Tensor{1., 2.}, Tensor({1.000001, 2.}, f64)));
  CHECK_FALSE(all_close(Tensor{1., 2.}, Tensor{1.0001, 2.}));
  CHECK(all_close(Tensor{1., 2.}, Tensor{1.0001, 2.}, 1e-3));
  CHECK(all_close(Tensor{0.}, Tensor{1e-9}));
  CHECK_FALSE(all_close(Tensor{0.}, Tensor{1e-9}, 1e-5, 0));
  CHECK_FALSE(all_close(Tensor{not_a_number}, Tensor{not_a_number}));
  CHECK(all_close(Tensor{infinity, -infinity}, Tensor{infinity, -infinity}));
  CHECK_FALSE(all_close(Tensor{infinity}, Tensor{-infinity}));
  CHECK_FALSE(all_close(Tensor{1.}, Tensor{infinity}));
  CHECK_FALSE(all_close(Tensor{infinity}, Tensor{1.}));
  CHECK_FALSE(all_close(Tensor{1., 2.}, Tensor{{1., 2.}}));
  CHECK(all_close(Tensor{1, 0}, Tensor{true, false}));
}

TEST_CASE("errors: one sentence style, all of one family") {
  CHECK(tw::error_text("matmul", "inner dimensions differ") == "[matmul] inner dimensions differ");
  CHECK(tw::error_text("matmul", "no", {"/home/someone/model.cpp", 12}) == "[matmul] no at model.cpp:12");
  CHECK(tw::error_text("matmul", "no", {"model.cpp", 12}) == "[matmul] no at model.cpp:12");
  CHECK_THROWS_AS(Tensor{1.}.at<float>({1}), tw::Error);
  const auto line_of = [](tw::SourceLine line = tw::SourceLine::here()) { return line.line; };
  CHECK(line_of() == __LINE__);
}
