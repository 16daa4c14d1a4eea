#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

namespace {

std::vector<Row> rows() {
  const Domain rows_of_three{.low = -3, .high = 2, .dtype = DType::i64};
  return {
      {.op = "gather",
       .function = binary(gather),
       .dtypes = Dtypes::any,
       .domains = {{}, rows_of_three},
       .shapes = {{{3}, {4}}, {{3, 2}, {2, 2}}, {{3, 1, 4}, {}}, {{3, 0}, {5}}, {{3, 5}, {0}}, {{3}, {1}}},
       .reference = "x[y.astype(int)]",
       .accuracy = {0, 0},
       .examples = {{{doubles({0.1, 0.7}), Tensor{0, 0, 1, 0}}, doubles({0.1, 0.1, 0.7, 0.1}), {doubles({3., 1.})}}},
       .mistakes = {{{scalar(1), Tensor{0}}, typeid(ShapeError), "[gather] shape () has no rows"},
                    {{doubles({1.}), doubles({0.})}, typeid(DtypeError), "[gather] indices must be i64, they are f64"},
                    {{doubles({1., 2., 3.}), Tensor{0, 3}},
                     typeid(IndexError),
                     "[gather] index 3 at place 1 is out of range for axis 0 of size 3"},
                    {{doubles({1., 2., 3.}), Tensor{-4}},
                     typeid(IndexError),
                     "[gather] index -4 at place 0 is out of range for axis 0 of size 3"}}},
      {.op = "one_hot",
       .function = [](Inputs x) { return one_hot(x[0], 4, DType::f64); },
       .domains = {{.low = 0, .high = 3, .dtype = DType::i64}},
       .shapes = {{{5}}, {{2, 3}}, {{}}, {{1}}, {{0}}, {{2, 0, 3}}},
       .reference = "of_each(mp.mpf, np.eye(4, dtype=int))[x.astype(int)]",
       .accuracy = {0, 0},
       .mistakes = {{{Tensor{0, 4}}, typeid(IndexError), "[labels] label 4 at place 1 is out of range for 4 classes"},
                    {{Tensor{-1}}, typeid(IndexError), "[labels] label -1 at place 0 is out of range for 4 classes"},
                    {{doubles({1.})}, typeid(DtypeError), "[labels] labels must be i64, they are f64"}}},
  };
}

// Written by tests/ops/references/record.
const char* const recorded_references = R"(
# gather
f64 3 -1.318359375 0.1865234375 1.69140625 i64 4 1 -3 0 2 -> f64 4 0.1865234375 -1.318359375 -1.318359375 1.69140625
f64 3x2 -1.318359375 0.1865234375 1.69140625 -0.8037109375 0.701171875 -1.7939453125 i64 2x2 1 -3 0 2 -> f64 2x2x2
1.69140625 -0.8037109375 -1.318359375 0.1865234375 -1.318359375 0.1865234375 0.701171875 -1.7939453125
f64 3x2 -1.318359375 nan 1.69140625 -0.8037109375 0.701171875 -1.7939453125 i64 2x2 1 -3 0 2 -> f64 2x2x2 1.69140625
-0.8037109375 -1.318359375 nan -1.318359375 nan 0.701171875 -1.7939453125
i64 3x2 8 8 8 2 2 -4 i64 2x2 1 -3 0 2 -> i64 2x2x2 8 2 8 8 8 8 2 -4
f64 3x1x4 -1.318359375 0.1865234375 1.69140625 -0.8037109375 0.701171875 -1.7939453125 -0.2890625 1.2158203125
-1.279296875 0.2255859375 1.73046875 -0.7646484375 i64 () 1 -> f64 1x4 0.701171875 -1.7939453125 -0.2890625 1.2158203125
f64 3x0 i64 5 1 -3 0 2 -2 -> f64 5x0
f64 3x5 -1.318359375 0.1865234375 1.69140625 -0.8037109375 0.701171875 -1.7939453125 -0.2890625 1.2158203125
-1.279296875 0.2255859375 1.73046875 -0.7646484375 0.740234375 -1.7548828125 -0.2490234375 i64 0 -> f64 0x5
f64 3 -1.318359375 0.1865234375 1.69140625 i64 1 1 -> f64 1 0.1865234375
# one_hot
i64 5 1 3 1 2 0 -> f64 5x4 0 1 0 0 0 0 0 1 0 1 0 0 0 0 1 0 1 0 0 0
i64 5 1 3 1 2 0 -> f64 5x4 0 1 0 0 0 0 0 1 0 1 0 0 0 0 1 0 1 0 0 0
i64 2x3 1 3 1 2 0 1 -> f64 2x3x4 0 1 0 0 0 0 0 1 0 1 0 0 0 0 1 0 1 0 0 0 0 1 0 0
i64 () 1 -> f64 4 0 1 0 0
i64 1 1 -> f64 1x4 0 1 0 0
i64 0 -> f64 0x4
i64 2x0x3 -> f64 2x0x3x4
)";

}  // namespace

Family indexing_family() { return {"indexing", rows(), recorded_references}; }

}  // namespace thalweg::op_table
