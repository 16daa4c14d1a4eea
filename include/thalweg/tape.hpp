#pragma once
// A tape records the program's ops; differentiating, planning and drawing are all readings of that record.

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

/// Whether f64, which numbers are recorded in, represents `number` exactly: above 2^53 it skips integers.
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

/// Whether a tape trains or evaluates: dropout and batch normalization depend on it, others may ask `current_phase`.
enum class Phase : std::uint8_t { training, evaluation };

/// planned: computes when a value is requested, with fused kernels, by a plan that is made once per structure. eager:
/// computes each node as it is recorded, with one kernel per node: for debugging, and to test the planner against.
enum class Engine : std::uint8_t { planned, eager };

struct TapeOptions {
  Phase phase = Phase::training;
  Engine engine = Engine::planned;
  /// Every request checks what it delivers (values, gradients, written parameters) for NaN and infinity. If it finds
  /// one, the request still completes, and then throws an AnomalyError. The error names the first node that turned
  /// finite numbers into a bad one: its op, the shapes and ranges of its inputs, the element, the path from a parameter
  /// to the node, and the user's line with its text. If a step() or assign() wrote the bad number, the error names the
  /// parameter and the element.
  bool detect_anomaly = false;
};

/// An append-only recording of ops. It is its thread's current tape until it ends, except while a newer tape lives.
///
/// A node's id is its index on the tape, so ids are a topological order. Recording checks shapes and dtypes at once but
/// computes nothing; a request (value, item, backward, step, run) computes what it needs. Memory comes from a
/// per-thread pool: a new tape per step allocates nothing once its structure has been seen.
///
///   Tape tape;
///   Var loss = mean(square(matmul(x, weight) - y));  // records
///   backward(loss);                                  // computes the loss and the gradient of `weight`
class Tape {
 public:
  Tape() : Tape(TapeOptions{}) {}
  explicit Tape(const TapeOptions& options);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Removes every node. Using a Var of a removed node is a TapeError.
  void clear();
  /// Executes the effects recorded so far, and computes what `keep` and `watch` asked for.
  void run();
  /// Keeps the value of `var` until the tape ends. It is computed with the next request, before that request's effects:
  /// it is the value `var` had when it was recorded.
  void keep(const Var& var, SourceLine line = SourceLine::here());
  /// Keeps every node whose scope or parameter name matches the pattern ('*' matches any text).
  void watch(std::string_view pattern);

  Phase phase() const;
  Engine engine() const;
  /// Number of nodes recorded so far, including those of backward passes.
  std::int64_t size() const;

  internal::Recorder& recorder() const { return *recorder_; }

 private:
  internal::Recorder* recorder_;
};

/// The phase of the thread's current tape, for layers that behave differently in training and evaluation.
/// TapeError if no tape is alive.
Phase current_phase(SourceLine line = SourceLine::here());

/// A handle to a node: trivially copyable, empty if default-constructed. `+=` and the like rebind the handle. A Var is
/// usable only while its tape is the thread's current one; otherwise the error says why it is not.
class Var {
 public:
  Var() = default;
  // Records a leaf on the current tape, with the tensor's or parameter's present value.
  Var(const Tensor& tensor, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
  Var(const Parameter& parameter, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());
  template <Number T>
  Var(T number, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());

  bool empty() const { return serial_ == 0; }
  const Shape& shape(SourceLine line = SourceLine::here()) const;
  DType dtype(SourceLine line = SourceLine::here()) const;
  int rank(SourceLine line = SourceLine::here()) const { return shape(line).rank(); }
  std::int64_t size(SourceLine line = SourceLine::here()) const { return shape(line).size(); }

  /// The value of this node, computed if need be (a request).
  Tensor value(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) const;
  /// The only element of this node, computed if need be; ShapeError if there is not exactly one.
  double item(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) const;
  /// The same, exactly: `item<std::int64_t>()` of an index or a count. DtypeError if T is not this node's dtype.
  template <Element T>
  T item(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) const {
    return value(file, line).template item<T>({file, line});
  }

  explicit operator bool() const = delete;  // comparisons are elementwise; see identical, all_close

  std::uint64_t serial() const { return serial_; }
  std::int32_t id() const { return static_cast<std::int32_t>(id_); }

 private:
  friend class internal::Recorder;
  Var(std::uint64_t serial, std::int32_t id) : serial_(serial), id_(id) {}

  std::uint64_t serial_ = 0;  // of the tape and its epoch; never reused in the process
  std::int64_t id_ = -1;      // 64 bits wide for the same reason as SourceLine::line
};

/// The parameter type of every op: converts implicitly from a Var, Parameter, Tensor or number, and records the line of
/// the call. A number takes the dtype of the tensor operand.
class Operand {
 public:
  enum class Kind : std::uint8_t { var, parameter, tensor, number, integer };

  Operand(const Var& var, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE())
      : Operand(var, SourceLine{file, line}) {}
  /// `var` with an explicit line: how a composite op passes on its caller's line.
  Operand(const Var& var, SourceLine line)
      : serial_(var.serial()), file_(line.file), line_(static_cast<std::uint32_t>(line.line)), id_(var.id()) {}
  Operand(const Parameter& parameter, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE())
      : parameter_(&parameter), file_(file), line_(line), id_(id_of(Kind::parameter)) {}
  Operand(const Tensor& tensor, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE())
      : tensor_(&tensor), file_(file), line_(line), id_(id_of(Kind::tensor)) {}
  /// An integer that f64 cannot represent counts as a fraction, which i64 operands reject: pass a Tensor instead.
  template <Number T>
  Operand(T number, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE())
      : number_(static_cast<double>(number)),
        file_(file),
        line_(line),
        id_(id_of(std::integral<T> && internal::is_exact(number) ? Kind::integer : Kind::number)) {}
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  Kind kind() const { return id_ >= 0 ? Kind::var : static_cast<Kind>(~id_); }
  SourceLine line() const { return {file_, line_}; }
  bool is_number() const { return kind() >= Kind::number; }
  double number() const { return number_; }

 private:
  friend class internal::Recorder;
  static constexpr std::int32_t id_of(Kind kind) { return ~static_cast<std::int32_t>(kind); }

  // An operand is written for every argument of every op, so it has three words only.
  union {
    std::uint64_t serial_;
    const Parameter* parameter_;
    const Tensor* tensor_;
    double number_;
  };
  const char* file_;
  std::uint32_t line_;
  std::int32_t id_;  // of a Var's node; of others, and of an empty Var, id_of(kind)
};

template <Number T>
Var::Var(T number, const char* file, unsigned line)
    : Var(internal::is_exact(number) ? internal::leaf(Operand(number, file, line))
                                     : internal::leaf(Operand(Tensor(number), file, line))) {}

/// Names the nodes recorded during its lifetime; nested scopes join as "affine1/relu". A layer or composite opens one
/// with its caller's line, which its nodes then report. `name` must outlive the tape (a literal, a layer's own name).
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

/// The scope of an op composed of others: an error in any of them names this op, the one the user called. Of nested
/// ones the outermost counts.
class OpScope : public Scope {
 public:
  OpScope(const char* name, SourceLine line) : Scope(name, line, true) {}
};

/// Records that `parameter` becomes `value`: an effect, executed in program order with the next request and committed
/// at its end. Later reads on the tape see the new value. ShapeError or DtypeError if the value does not fit; a
/// trainable parameter assigned on a tape cannot be differentiated on it (TapeError at `backward`).
void assign(const Parameter& parameter, const Operand& value);

}  // namespace thalweg
