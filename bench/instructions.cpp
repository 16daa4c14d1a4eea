// What the engine itself costs, for bench/instructions.sh: instructions NAME COUNT does COUNT times the same thing. Run
// under callgrind with two counts, the difference is the thing alone.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include <thalweg/thalweg.hpp>

namespace tw = thalweg;

namespace {

constexpr int ops_per_tape = 1000;

/// COUNT tapes of the same 1000 records; only the first is computed, so the rest cost nothing but their recording.
void replayed_record(std::int64_t count) {
  tw::ParameterRegistry registry;
  const tw::Parameter x = registry.add("x", tw::ones({}));
  for (std::int64_t i = 0; i < count; ++i) {
    tw::Tape tape;
    tw::Var first = x + 1.0, y = first;
    for (int op = 1; op < ops_per_tape; ++op) y = y + first;
    first.item();
  }
}

/// COUNT tapes of 1000 records, none like another; nothing is computed.
void first_record(std::int64_t count) {
  tw::ParameterRegistry registry;
  const tw::Parameter x = registry.add("x", tw::ones({}));
  for (std::int64_t i = 0; i < count; ++i) {
    tw::Tape tape;
    tw::Var first = x + 1.0, y = first;
    for (int op = 1; op < ops_per_tape; ++op) {
      const bool is_product = op <= 32 && (i + 1) >> (op - 1) & 1;
      y = is_product ? y * first : y + first;
    }
  }
}

/// COUNT tapes with a backward pass, the only request. What is counted is `backward` without the execution of its plan.
void matched_backward(std::int64_t count) {
  tw::ParameterRegistry registry;
  const tw::Parameter x = registry.add("x", tw::ones({}));
  for (std::int64_t i = 0; i < count; ++i) {
    tw::Tape tape;
    tw::Var loss = tw::tanh(x * x) * x;
    tw::backward(loss);
  }
}

}  // namespace

int main(int argc, char** argv) {
  static const std::map<std::string, void (*)(std::int64_t)> programs = {
      {"replayed_record", replayed_record}, {"first_record", first_record}, {"matched_backward", matched_backward}};
  const auto program = argc == 3 ? programs.find(argv[1]) : programs.end();
  if (program == programs.end()) {
    std::fprintf(stderr, "usage: instructions NAME COUNT\n");
    return 2;
  }
  program->second(std::strtoll(argv[2], nullptr, 10));
}
