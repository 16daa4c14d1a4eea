#include <catch2/catch.hpp>

#include <limits>
#include <sstream>

#include <thalweg/format.hpp>
#include <thalweg/ops/arithmetic.hpp>

using thalweg::f32;
using thalweg::f64;
using thalweg::Shape;
using thalweg::Tensor;

// The expected texts are what NumPy 2.4 prints for the same arrays.

namespace {

const double not_a_number = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("printing: numbers of one tensor are aligned at the point") {
  CHECK(to_string(Tensor{1., 2.5, -3.25}) == "[ 1.    2.5  -3.25]");
  CHECK(to_string(Tensor{{1., 2.}, {3., 4.}}) ==
        "[[1. 2.]\n"
        " [3. 4.]]");
  CHECK(to_string(Tensor{0.1, 100.}) == "[  0.1 100. ]");
  CHECK(to_string(Tensor{-0., 0.}) == "[-0.  0.]");
}

TEST_CASE("printing: digits") {
  CHECK(to_string(Tensor({1. / 3}, f64)) == "[0.33333333]");
  CHECK(to_string(Tensor{1. / 3}) == "[0.33333334]");
  CHECK(to_string(Tensor({0.1, 1e-9}, f64)) == "[1.e-01 1.e-09]");
  CHECK(to_string(Tensor({123456.125, 1e8}, f64)) == "[1.23456125e+05 1.00000000e+08]");
  CHECK(to_string(Tensor{999999.}) == "[999999.]");
  CHECK(to_string(Tensor{1e6}) == "[1.e+06]");
  CHECK(to_string(Tensor({9.9e7}, f64)) == "[99000000.]");
  CHECK(to_string(Tensor{1.5, 1e-4}) == "[1.5e+00 1.0e-04]");
  CHECK(to_string(Tensor({1e100, -2.5}, f64)) == "[ 1.0e+100 -2.5e+000]");
  CHECK(to_string(Tensor{3e-45, 1.}) == "[3.e-45 1.e+00]");
}

TEST_CASE("printing: what is not finite") {
  CHECK(to_string(Tensor{not_a_number, infinity, -infinity, 1.5}) == "[ nan  inf -inf  1.5]");
  CHECK(to_string(Tensor{not_a_number, not_a_number}) == "[nan nan]");
  CHECK(to_string(Tensor{not_a_number, 1e10}) == "[   nan 1.e+10]");
}

TEST_CASE("printing: integers and truth values") {
  CHECK(to_string(Tensor{1, -20, 300}) == "[  1 -20 300]");
  CHECK(to_string(Tensor{{1, 2}, {3, 4}}) ==
        "[[1 2]\n"
        " [3 4]]");
  CHECK(to_string(Tensor{true, false}) == "[ True False]");
}

TEST_CASE("printing: 0-d and empty") {
  CHECK(to_string(Tensor(2.5)) == "2.5");
  CHECK(to_string(Tensor(1.)) == "1.0");
  CHECK(to_string(Tensor(1e-5)) == "1e-05");
  CHECK(to_string(Tensor(1e7)) == "1e+07");
  CHECK(to_string(Tensor(not_a_number)) == "nan");
  CHECK(to_string(Tensor(0.1).to(f64)) == "0.10000000149011612");
  CHECK(to_string(Tensor(-3)) == "-3");
  CHECK(to_string(Tensor(true)) == "True");
  CHECK(to_string(Tensor()) == "[]");
  CHECK(to_string(Tensor::zeros({2, 0, 3})) == "[]");
}

TEST_CASE("printing: more dimensions") {
  CHECK(to_string(Tensor::arange(12).reshape({2, 2, 3})) ==
        "[[[ 0  1  2]\n"
        "  [ 3  4  5]]\n"
        "\n"
        " [[ 6  7  8]\n"
        "  [ 9 10 11]]]");
  CHECK(to_string(Tensor::arange(4, f32).reshape({1, 2, 1, 2})) ==
        "[[[[0. 1.]]\n"
        "\n"
        "  [[2. 3.]]]]");
}

TEST_CASE("printing: long lines are broken") {
  CHECK(to_string(Tensor::arange(40)) ==
        "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"
        " 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39]");
  CHECK(to_string(Tensor::full({2, 20}, -0.125)) ==
        "[[-0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125\n"
        "  -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125]\n"
        " [-0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125\n"
        "  -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125 -0.125]]");
}

TEST_CASE("printing: more than 1000 elements are summarized") {
  CHECK(to_string(Tensor::arange(1001)) == "[   0    1    2 ...  998  999 1000]");
  CHECK(to_string(Tensor::arange(2000).reshape({100, 20})) ==
        "[[   0    1    2 ...   17   18   19]\n"
        " [  20   21   22 ...   37   38   39]\n"
        " [  40   41   42 ...   57   58   59]\n"
        " ...\n"
        " [1940 1941 1942 ... 1957 1958 1959]\n"
        " [1960 1961 1962 ... 1977 1978 1979]\n"
        " [1980 1981 1982 ... 1997 1998 1999]]");
  CHECK(to_string(Tensor::arange(1200).reshape({2, 6, 100})) ==
        "[[[   0    1    2 ...   97   98   99]\n"
        "  [ 100  101  102 ...  197  198  199]\n"
        "  [ 200  201  202 ...  297  298  299]\n"
        "  [ 300  301  302 ...  397  398  399]\n"
        "  [ 400  401  402 ...  497  498  499]\n"
        "  [ 500  501  502 ...  597  598  599]]\n"
        "\n"
        " [[ 600  601  602 ...  697  698  699]\n"
        "  [ 700  701  702 ...  797  798  799]\n"
        "  [ 800  801  802 ...  897  898  899]\n"
        "  [ 900  901  902 ...  997  998  999]\n"
        "  [1000 1001 1002 ... 1097 1098 1099]\n"
        "  [1100 1101 1102 ... 1197 1198 1199]]]");
}

TEST_CASE("printing: through fmt") {
  CHECK(fmt::format("{}", Tensor{{1., 2.}, {3., 4.}}) == "[[1. 2.]\n [3. 4.]]");
  CHECK(fmt::format("{:>5}|{}|{}", Tensor(1), Shape{2, 3}, f64) == "    1|(2, 3)|f64");
}

TEST_CASE("printing: into streams as by fmt") {
  std::ostringstream stream;
  stream << Tensor{1., 2.5} << ' ' << Shape{2, 3} << ' ' << f64;
  CHECK(stream.str() == "[1.  2.5] (2, 3) f64");
}

TEST_CASE("printing: a Var or parameter prints its value, which is a request") {
  using thalweg::Parameter;
  thalweg::ParameterRegistry registry;
  const Parameter scale = registry.add("scale", Tensor{3., 4.});
  std::ostringstream stream;
  stream << scale;
  CHECK(stream.str() == "[3. 4.]");
  CHECK(fmt::format("{:>8}", scale) == " [3. 4.]");

  const thalweg::Engine engine = GENERATE(thalweg::Engine::planned, thalweg::Engine::eager);
  thalweg::Tape tape({.engine = engine});
  const thalweg::Var x = Tensor{1., 2.};
  stream.str("");
  stream << 2 * x << ' ' << x + scale;
  CHECK(stream.str() == "[2. 4.] [4. 6.]");
  CHECK(fmt::format("{} {:>9}", x, x * scale) == "[1. 2.]   [3. 8.]");

  const thalweg::Var empty;
  CHECK_THROWS_WITH(stream << empty,
                    thalweg::error_text("print", "a Var cannot be used here: it is empty: nothing was assigned to it",
                                        thalweg::SourceLine::here()));
  // fmt has no line to pass on.
  CHECK_THROWS_WITH(fmt::format("{}", empty),
                    "[print] a Var cannot be used here: it is empty: nothing was assigned to it");
}

TEST_CASE("printing: the number of a single element, to a precision") {
  thalweg::Tape tape;
  const thalweg::Var loss = Tensor({1. / 3}, f64);
  CHECK(fmt::format("{:.4f}", loss) == "0.3333");
  CHECK(fmt::format("{:.3e} {:8.2} {:g}", loss, Tensor(2.5), Tensor(3)) == "3.333e-01      2.5 3");
  CHECK(fmt::format("{:{}.{}f}", loss, 8, 2) == "    0.33");
  CHECK(fmt::format("{:.>5}|{:f<5}|{:e^5}", Tensor(1), Tensor(2), Tensor(3)) == "....1|2ffff|ee3ee");
  CHECK_THROWS_WITH(fmt::format("{:.4f}", Tensor{1., 2.}), "[item] shape (2,) has 2 elements, one is needed");
  CHECK_THROWS_WITH(fmt::format("{:.4}", loss * Tensor({1., 2.}, f64)),
                    "[item] shape (2,) has 2 elements, one is needed");
}
