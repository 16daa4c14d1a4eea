// Recordings that leave the one that is expected for another one.
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

int shapes_asked = 0;  // a record that is recognised does not ask

const Op count_op{.name = "count",
                  .kind = Kind::opaque,
                  .shape_rule =
                      [](const Inference& inference) {
                        ++shapes_asked;
                        return inference.input(0);
                      },
                  .opaque_kernel =
                      [](const OpaqueCall& call) {
                        const auto* const x = static_cast<const float*>(call.inputs[0]);
                        for (std::int64_t i = 0; i < call.output_type.shape.size(); ++i)
                          static_cast<float*>(call.output)[i] = x[i] + 1;
                      }};

/// Four operands: what is made of more than three is not remembered by its operands' types.
Var count(const Var& x) {
  const Var operands[] = {x, x, x, x};
  return record(count_op, operands, 0, {"turns_test.cpp", 1});
}

/// x + steps, of as many elements as x has.
Tensor counted(const Tensor& x, int steps) {
  Tape tape;
  Var sum = x;
  for (int i = 0; i < steps; ++i) sum = count(sum);
  return sum.value();
}

/// How many shapes are asked for in all turns from one of the programs to another.
template <class F>
int asked_in_all_turns(const std::vector<int>& programs, F run) {
  const int before = shapes_asked;
  for (const int one : programs)
    for (const int other : programs) {
      run(one);
      run(other);
    }
  return shapes_asked - before;
}

}  // namespace

TEST_CASE("turns: a recording is recognised after any other, though it never came after that one") {
  const auto run = [](int size) { CHECK(identical(counted(Tensor::full({size}, 1), 5), Tensor::full({size}, 6))); };
  for (const int size : {3, 5, 4, 6, 3}) run(size);  // each came after one other
  CHECK(asked_in_all_turns({3, 4, 5, 6}, run) == 0);
}

TEST_CASE("turns: recordings that begin alike are told apart where they end") {
  const auto run = [](int steps) {
    CHECK(identical(counted(Tensor::full({7}, 1), steps), Tensor::full({7}, 1 + steps)));
  };
  for (const int steps : {2, 9, 4, 7, 2, 7}) run(steps);
  asked_in_all_turns({2, 4, 7, 9}, run);  // some turns are new
  CHECK(asked_in_all_turns({2, 4, 7, 9}, run) == 0);
}

TEST_CASE("turns: the same record after another beginning is another one") {
  // Both programs go on alike at the third record, the second of which is not the other's.
  const auto run = [](bool twice, int last) {
    Tape tape;
    const Var x = Tensor::full({2}, 1);
    const Var y = count(x), z = twice ? count(y) : count(x);
    Var sum = count(z);
    if (last > 0) sum = count(sum);
    CHECK(identical(sum.value(), Tensor::full({2}, 1.0 + 2 + (twice ? 1 : 0) + (last > 0 ? 1 : 0))));
  };
  for (int turn = 0; turn < 3; ++turn)
    for (const bool twice : {false, true})
      for (const int last : {0, 1, 0}) run(twice, last);
}
