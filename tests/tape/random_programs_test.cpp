// Random programs of ops, requests and effects: what they observe follows from the program alone, whichever engine carries
// it out and whatever the thread has recorded before.
#include "tests/tape/helpers.hpp"

#include <random>
#include <thread>

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// One line of a program. Its numbers choose among what there is, so that any line is possible anywhere.
struct Statement {
  enum class Kind : std::uint8_t {
    read_parameter,
    constant,
    unary,
    binary,
    with_number,
    gradients,  // up to here: makes a Var
    value,
    item,
    keep,
    run,
    backward,
    step,
    set_value,
    assign,
    inner_tape,  // repeats the program so far on a tape of its own, which is then the current one until it ends
  };
  Kind kind;
  unsigned first, second;
  double number;
};
using Program = std::vector<Statement>;

Program random_program(std::mt19937& random) {
  Program program(std::uniform_int_distribution<std::size_t>(4, 24)(random));
  for (Statement& statement : program) {
    const bool makes_var = random() % 2 == 0;
    const unsigned kinds = makes_var ? 6 : 9;
    statement.kind = static_cast<Statement::Kind>(random() % kinds + (makes_var ? 0 : 6));
    statement.first = static_cast<unsigned>(random());
    statement.second = static_cast<unsigned>(random());
    statement.number = static_cast<double>(random() % 8) / 4 - 1;
  }
  return program;
}

/// The same structure, but for what may be another number, op, or operand.
Program changed(Program program, std::mt19937& random) {
  Statement& statement = program[random() % program.size()];
  if (random() % 2 == 0) statement.number += 0.5;
  if (random() % 2 == 0) ++statement.first;
  if (random() % 2 == 0) ++statement.second;
  return program;
}

class Run {
 public:
  Run(const Program& program, Engine engine) : program_(program), engine_(engine) {
    for (const char* name : {"a", "b", "c"})  // the last is written by assign, and not trained
      parameters_.push_back(
          registry_.add(name, noise({3}, parameters_.size(), DType::f64), {.trainable = *name != 'c'}));
    carry_out(program_.size(), true);
    for (const Parameter& parameter : parameters_) observe(parameter.value());
  }
  const std::vector<std::string>& observed() const { return observed_; }

 private:
  void observe(const Tensor& tensor) {
    std::string text;
    for (const double x : tensor.to(DType::f64).data<double>()) text += fmt::format("{:a} ", x + 0.0);
    observed_.push_back(text);
  }

  void carry_out(std::size_t count, bool is_outer) {
    Tape tape({.engine = engine_});
    std::vector<Var> vars{parameters_[0], parameters_[1], parameters_[2]};
    for (std::size_t i = 0; i < count; ++i) {
      try {
        carry_out(program_[i], i, is_outer, tape, vars);
      } catch (const Error& error) {
        observed_.emplace_back(error.what());
      }
    }
  }

  void carry_out(const Statement& s, std::size_t place, bool is_outer, Tape& tape, std::vector<Var>& vars) {
    using Kind = Statement::Kind;
    const Var x = vars[s.first % vars.size()], y = vars[s.second % vars.size()];
    const Parameter& parameter = parameters_[s.first % parameters_.size()];
    switch (s.kind) {
      case Kind::read_parameter: vars.emplace_back(parameter); break;
      case Kind::constant: vars.emplace_back(Tensor::full({3}, s.number, DType::f64)); break;
      case Kind::unary: vars.push_back(unary(s.second, x)); break;
      case Kind::binary: vars.push_back(binary(s.first / 7, x, y)); break;
      case Kind::with_number: vars.push_back(s.second % 2 == 0 ? x * s.number : s.number - x); break;
      case Kind::gradients: vars.push_back(gradients(sum(x), y)); break;
      case Kind::value: observe(x.value()); break;
      case Kind::item: observe(Tensor(sum(x).item())); break;
      case Kind::keep: tape.keep(x); break;
      case Kind::run: tape.run(); break;
      case Kind::backward:
        backward(x, Tensor::full({3}, s.number, DType::f64));
        observe(parameters_[0].gradient());
        observe(parameters_[1].gradient());
        break;
      case Kind::step: optimizer_.step(); break;
      case Kind::set_value: parameter.set_value(noise({3}, s.second % 16, DType::f64)); break;
      case Kind::assign: assign(parameters_[2], x); break;
      case Kind::inner_tape:
        if (is_outer) carry_out(place, false);
        break;
    }
  }

  static Var unary(unsigned which, const Var& x) {
    switch (which % 6) {
      case 0: return tanh(x);
      case 1: return sin(x);
      case 2: return softmax(x);
      case 3: return flip(x);
      case 4: return x - mean(x);
      default: return concatenate({slice(x, 0, 1, 3), slice(x, 0, 0, 1)});
    }
  }
  static Var binary(unsigned which, const Var& x, const Var& y) {
    switch (which % 5) {
      case 0: return x + y;
      case 1: return tanh(x * y);
      case 2: return where(x > y, x, y);
      case 3: return tanh(matmul(outer(x, y), y));
      default: return gather(concatenate({x, y}), Tensor{0, 3, 5});
    }
  }

  const Program& program_;
  Engine engine_;
  ParameterRegistry registry_{{.dtype = DType::f64}};
  std::vector<Parameter> parameters_;
  SGD optimizer_{registry_, {.learning_rate = 0.25}};
  std::vector<std::string> observed_;
};

}  // namespace

TEST_CASE("random programs: both engines, and a thread that has recorded nothing yet, observe the same") {
  std::mt19937 random(1);
  std::vector<Program> programs;
  for (int turn = 0; turn < 1500; ++turn) {
    const Program program =
        turn < 20 || random() % 2 == 0 ? random_program(random) : changed(programs[random() % programs.size()], random);
    programs.push_back(program);
    const std::vector<std::string> planned = Run(program, Engine::planned).observed();
    INFO("program " << turn);
    REQUIRE(planned == Run(program, Engine::planned).observed());
    REQUIRE(planned == Run(program, Engine::eager).observed());
    if (turn % 4 != 0) continue;
    std::vector<std::string> fresh;
    std::thread([&] { fresh = Run(program, Engine::planned).observed(); }).join();
    REQUIRE(planned == fresh);
  }
}
