#pragma once
// The tape records what the program wrote; everything else is a reading of it.

#include <concepts>
#include <cstdint>
#include <limits>
#include <string_view>

#include <thalweg/error.hpp>
#include <thalweg/tensor.hpp>

namespace thalweg {

class Parameter;
class Operand;
class Var;

namespace internal {
class Recorder;

/// Whether f64, which numbers are recorded in, has this one: not every whole number beyond 2^53.
template <Number T>
constexpr bool is_exact(T number) {
  if constexpr (std::integral<T> && std::numeric_limits<T>::digits > std::numeric_limits<double>::digits) {
    const auto nearest = static_cast<double>(number);
    return nearest < 0x1p63 && static_cast<T>(nearest) == number;
  }
  return true;
}

Var leaf(const Operand& operand);
}  // namespace internal

/// Whether a tape trains or evaluates: what dropout and batch normalization ask, and others by `current_phase`.
enum class Phase : std::uint8_t { training, evaluation };

/// planned: computes at a request, fused, from a plan that is made once for each structure.
/// eager: computes each node as it is recorded, one kernel each; the planner's oracle and the debugger's friend.
enum class Engine : std::uint8_t { planned, eager };

struct TapeOptions {
  Phase phase = Phase::training;
  Engine engine = Engine::planned;
  /// Every request looks for a NaN or an infinity in what it delivers: values asked for, gradients, parameters written.
  /// If there is one, the request is still carried out, and then throws an AnomalyError. It names the first node that
  /// made a bad number of finite ones: its op, the shapes and ranges of its inputs, the element, the path from a
  /// parameter to it, and the user's line with its text. For a step() or assign() that wrote the bad number it names the
  /// parameter and the element.
  bool detect_anomaly = false;
};

/// An append-only recording, current on its thread from its construction until it ends or a newer tape begins.
///
/// A node's id is its place, so ids are a topological order. Recording checks shapes and dtypes at once and computes
/// nothing; a request (value, item, backward, step, run) computes what it needs. The memory comes from a per-thread pool:
/// a new tape for each step allocates nothing once the structures in use have been seen.
///
///   Tape tape;
///   Var loss = mean(square(matmul(x, weight) - y));  // recorded
///   backward(loss);                                  // computed: the loss and the gradient of `weight`
class Tape {
 public:
  Tape() : Tape(TapeOptions{}) {}
  explicit Tape(const TapeOptions& options);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Forgets every node; handles to them become invalid (using one is a TapeError).
  void clear();
  /// Carries out the effects recorded so far and computes what `keep` and `watch` asked for.
  void run();
  /// Holds the value of `var` until the tape ends. It is computed with the next request, and is the value from before
  /// that request's effects: what `var` was when it was recorded.
  void keep(const Var& var);
  /// Keeps every node whose scope or parameter name matches the pattern ('*' stands for any text).
  void watch(std::string_view pattern);

  Phase phase() const;
  Engine engine() const;
  /// Number of nodes recorded so far, those of backward passes included.
  std::int64_t size() const;

  internal::Recorder& recorder() const { return *recorder_; }

 private:
  internal::Recorder* recorder_;
};

/// The phase of the thread's current tape: what a layer reads that does something else in training than in evaluation.
/// TapeError where no tape is alive.
Phase current_phase(SourceLine line = SourceLine::here());

/// A handle to a node: trivially copyable, empty when default-constructed. `+=` and its like rebind the handle.
/// Usable while its tape is the thread's current one; the error says why where it is not.
class Var {
 public:
  Var() = default;
  // A leaf of the current tape. A tensor or parameter is read as it is now.
  Var(const Tensor& tensor, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
  Var(const Parameter& parameter, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
  template <Number T>
  Var(T number, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());

  bool empty() const { return serial_ == 0; }
  const Shape& shape() const;
  DType dtype() const;
  int rank() const { return shape().rank(); }
  std::int64_t size() const { return shape().size(); }

  /// Computes this node (a request) and returns its value.
  Tensor value(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) const;
  /// The only element of this node, computed; ShapeError where there is not exactly one.
  double item(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) const;

  explicit operator bool() const = delete;  // comparison is elementwise; see identical, all_close

  std::uint64_t serial() const { return serial_; }
  std::int32_t id() const { return static_cast<std::int32_t>(id_); }

 private:
  friend class internal::Recorder;
  Var(std::uint64_t serial, std::int32_t id) : serial_(serial), id_(id) {}

  std::uint64_t serial_ = 0;  // of the tape and its epoch; never reused in the process
  std::int64_t id_ = -1;      // of 64 bits for the reason that SourceLine::line is
};

/// What every op takes: made implicitly from a Var, Parameter, Tensor or number, with the place in the program where
/// that happened. A number takes the dtype of the tensor beside it.
class Operand {
 public:
  enum class Kind : std::uint8_t { var, parameter, tensor, number, integer };

  Operand(const Var& var, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE())
      : Operand(var, SourceLine{file, line}) {}
  /// `var` with the line of the operand it was made from: how an op passes its caller's line on.
  Operand(const Var& var, SourceLine line) : serial_(var.serial()), id_(var.id()), line_(line), kind_(Kind::var) {}
  Operand(const Parameter& parameter, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE())
      : parameter_(&parameter), line_{file, line}, kind_(Kind::parameter) {}
  Operand(const Tensor& tensor, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE())
      : tensor_(&tensor), line_{file, line}, kind_(Kind::tensor) {}
  /// A whole number that f64 does not have counts as a fraction, which i64 refuses: beside i64 it is given as a Tensor.
  template <Number T>
  Operand(T number, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE())
      : number_(static_cast<double>(number)),
        line_{file, line},
        kind_(std::integral<T> && internal::is_exact(number) ? Kind::integer : Kind::number) {}
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  Kind kind() const { return kind_; }
  SourceLine line() const { return line_; }
  bool is_number() const { return kind_ >= Kind::number; }
  double number() const { return number_; }

 private:
  friend class internal::Recorder;
  union {
    std::uint64_t serial_;
    const Parameter* parameter_;
    const Tensor* tensor_;
    double number_;
  };
  std::int32_t id_ = -1;
  SourceLine line_;
  Kind kind_;
};

template <Number T>
Var::Var(T number, const char* file, unsigned line)
    : Var(internal::is_exact(number) ? internal::leaf(Operand(number, file, line))
                                     : internal::leaf(Operand(Tensor(number), file, line))) {}

/// Names the nodes recorded while it lives: nested scopes join as "affine1/relu". A layer or composite opens one, so that
/// its nodes carry the place it was called from. `name` must outlive the tape (a literal, or a layer's own name).
class Scope {
 public:
  Scope(const char* name, SourceLine line);
  explicit Scope(const char* name, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE())
      : Scope(name, SourceLine{file, line}) {}
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 protected:
  Scope(const char* name, SourceLine line, bool is_op);

 private:
  internal::Recorder* recorder_;
  std::uint64_t serial_;
  std::int32_t previous_;
};

/// The scope of an op that is made of others: whichever of them finds a mistake, the error names this op, which the user
/// called (the outermost of several).
class OpScope : public Scope {
 public:
  OpScope(const char* name, SourceLine line) : Scope(name, line, true) {}
};

/// Records that `parameter` becomes `value`: an effect, carried out in program order with the next request and committed
/// at its end. Later reads on the tape see the new value. ShapeError or DtypeError where the value does not fit; a
/// trainable parameter assigned on a tape cannot be differentiated on it (TapeError at `backward`).
void assign(const Parameter& parameter, const Operand& value);

}  // namespace thalweg
