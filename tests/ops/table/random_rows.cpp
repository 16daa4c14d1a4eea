#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

std::vector<Row> rows() {
  return {
      {.op = "uniform",
       .function =
           [](Inputs) {
             Random random(0x123456789, 7);
             return uniform({5, 19}, random, DType::f64);
           },
       .reference = "uniform_f64((5, 19), seed=0x123456789, stream=7)",
       .accuracy = {0, 0},
       .mistakes = {{{},
                     typeid(DtypeError),
                     "[uniform] draws are f32 or f64, not i64",
                     [](Inputs) {
                       Random random;
                       return uniform({3}, random, DType::i64);
                     }}}},
      {.op = "uniform",
       .form = "of f32, the third draw",
       .function =
           [](Inputs) {
             Random random(5);
             random.set_position(2);
             return uniform({150}, random);
           },
       .reference = "uniform_f32((150,), seed=5, number=2)",
       .accuracy = {0, 0}},
      {.op = "normal",
       .function =
           [](Inputs) {
             Random random(9);
             return normal({5, 19}, random, DType::f64);
           },
       .reference = "normal_f64((5, 19), seed=9)",
       .accuracy = {.ulp = 4, .of_largest = 4},
       .mistakes = {{{},
                     typeid(DtypeError),
                     "[normal] draws are f32 or f64, not bool",
                     [](Inputs) {
                       Random random;
                       return normal({3}, random, DType::boolean);
                     }}}},
      {.op = "normal",
       .form = "of f32",
       .function =
           [](Inputs) {
             Random random(9);
             return normal({150}, random);
           },
       .reference = "normal_f32((150,), seed=9)",
       .accuracy = {.ulp_f32 = 4, .of_largest = 1}},
      {.op = "bernoulli",
       .function =
           [](Inputs) {
             Random random(3);
             return bernoulli({5, 19}, 0.0405, random);  // the last number is 0.0402
           },
       .reference = "of_each(lambda u: bool(u < 0.0405), uniform_f64((5, 19), seed=3))",
       .mistakes = {{{},
                     typeid(ValueError),
                     "[bernoulli] the probability is 1.5; it must be in [0, 1]",
                     [](Inputs) {
                       Random random;
                       return bernoulli({3}, 1.5, random);
                     }},
                    {{},
                     typeid(ValueError),
                     "[bernoulli] the probability is nan; it must be in [0, 1]",
                     [](Inputs) {
                       Random random;
                       return bernoulli({3}, nan, random);
                     }},
                    {{},
                     typeid(ValueError),
                     "[bernoulli] the probability at place 1 is -0.5; it must be in [0, 1]",
                     [](Inputs) {
                       Random random;
                       const Var drawn = bernoulli(doubles({0.5, -0.5}), random);
                       drawn.value();
                       return drawn;
                     }}}},
      {.op = "bernoulli",
       .form = "of a probability for each",
       .function =
           [](Inputs) {
             Random random(4);
             return bernoulli(doubles({{0., 0.5, 1.}, {0.25, 1., 0.2566}}), random);  // the last number is 0.257
           },
       .reference = "uniform_f64((2, 3), seed=4) < np.array([[0, 0.5, 1], [0.25, 1, 0.2566]])"},
      {.op = "permutation",
       .function =
           [](Inputs) {
             Random random(16);  // the last number is just below 34/100
             return permutation(100, random);
           },
       .reference = "permutation(100, seed=16)",
       .mistakes = {{{},
                     typeid(ValueError),
                     "[permutation] the count is -1; it must be 0 or more",
                     [](Inputs) {
                       Random random;
                       return permutation(-1, random);
                     }}}},
      {.op = "categorical",
       .function =
           [](Inputs) {
             Random random(11);
             return categorical(doubles({{0., 1., -inf}, {-inf, -1., -2.}, {0.5, 0.5, 0.5}, {-inf, -inf, 3.}}), random);
           },
       .reference =
           "np.argmax(np.array([[0, 1, -mp.inf], [-mp.inf, -1, -2], [0.5, 0.5, 0.5], [-mp.inf, -mp.inf, 3]]) - "
           "of_each(mp.log, -of_each(mp.log, uniform_f64((4, 3), seed=11))), 1)",
       .mistakes = {{{},
                     typeid(DtypeError),
                     "[categorical] i64 has no fractions; cast to f32 or f64 first",
                     [](Inputs) {
                       Random random;
                       return categorical(Tensor{1, 2}, random);
                     }},
                    {{},
                     typeid(IndexError),
                     "[categorical] axis 2 is out of range for shape (2,)",
                     [](Inputs) {
                       Random random;
                       return categorical(doubles({1., 2.}), random, 2);
                     }}}},
  };
}

}  // namespace

Family random_family() { return {"random", rows()}; }

}  // namespace thalweg::op_table
