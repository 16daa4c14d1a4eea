// Einstein sums beside what they are short for; values and derivatives against references are in the op table.
#include "tests/ops/expect.hpp"

using namespace thalweg;
using namespace thalweg::tests;

TEST_CASE("einsum: one operand") {
  const Tensor x = doubles({{1., 2., 3.}, {4., 5., 6.}, {7., 8., 10.}});
  expect([](auto v) { return einsum("ij->ji", v[0]); }, {x}, doubles({{1., 4., 7.}, {2., 5., 8.}, {3., 6., 10.}}));
  expect([](auto v) { return einsum("ij->j", v[0]); }, {x}, doubles({12., 15., 19.}));
  expect([](auto v) { return einsum("ij->", v[0]); }, {x}, number(46));
  expect([](auto v) { return einsum("ii->i", v[0]); }, {x}, doubles({1., 5., 10.}));
  expect([](auto v) { return einsum("ii", v[0]); }, {x}, number(16));
  expect([](auto v) { return einsum("ba", v[0]); }, {x}, doubles({{1., 4., 7.}, {2., 5., 8.}, {3., 6., 10.}}));
}

TEST_CASE("einsum: two operands and more") {
  const Tensor x = doubles({{1., 2.}, {3., 4.}}), y = doubles({{5., 6.}, {7., 8.}}), v = doubles({1., -1.});
  const Tensor product = doubles({{19., 22.}, {43., 50.}});
  expect([](auto t) { return einsum("ij,jk->ik", t[0], t[1]); }, {x, y}, product);
  expect([](auto t) { return einsum("ij,jk", t[0], t[1]); }, {x, y}, product);
  expect([](auto t) { return einsum("ij,ij->ij", t[0], t[1]); }, {x, y}, doubles({{5., 12.}, {21., 32.}}));
  expect([](auto t) { return einsum("ij,ij->", t[0], t[1]); }, {x, y}, number(70));
  expect([](auto t) { return einsum("i,j->ij", t[0], t[1]); }, {v, v}, doubles({{1., -1.}, {-1., 1.}}));
  expect([](auto t) { return einsum(",ij->ij", t[0], t[1]); }, {number(2), x}, doubles({{2., 4.}, {6., 8.}}));
  expect([](auto t) { return einsum("ij,j,kl->k", t[0], t[2], t[1]); }, {x, y, v}, doubles({-22., -30.}));
  expect(
      [](auto t) {
        return einsum("i,ij,jk,k->", std::array{Var(t[2]), Var(t[0]), Var(t[1]), Var(t[2])});
      },
      {x, y, v}, number(4));
  expect([](auto t) { return einsum("ij,jk->ik", t[0], t[1]); }, {Tensor{{1, 2}, {3, 4}}, Tensor{{5, 6}, {7, 8}}},
         Tensor{{19, 22}, {43, 50}});
}
