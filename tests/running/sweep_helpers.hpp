#pragma once
// For tests of sweeps: a builder, buffers that end at a guard page, and execution value by value.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include <thalweg/error.hpp>
#include <thalweg/simd.hpp>

#include "src/run/sweep.hpp"
#include "src/run/sweep_machine.hpp"
#include "tests/running/guarded_memory.hpp"
#include "tests/running/sweep_kernels.hpp"

namespace thalweg::testing {

using run::CompiledSweep;
using run::Distribution;
using run::DrawSource;
using run::Extent;
using run::Reduction;
using run::Sweep;
using run::SweepBindings;
using run::SweepValue;
using Kind = run::SweepValue::Kind;

inline Extent join(Extent a, Extent b) {
  if (a == b || b == Extent::single) return a;
  if (a == Extent::single) return b;
  return Extent::element;
}

inline std::int64_t count_of(const Sweep& sweep, Extent extent) {
  switch (extent) {
    case Extent::element: return sweep.rows * sweep.columns;
    case Extent::per_column: return sweep.columns;
    case Extent::per_row: return sweep.rows;
    case Extent::single: return 1;
  }
  return 0;
}

/// Builds a sweep; every function returns the id of the new value.
struct SweepWriter {
  Sweep sweep;
  int buffers = 0;

  SweepWriter(DType dtype, std::int64_t rows, std::int64_t columns) {
    sweep.dtype = dtype;
    sweep.rows = rows;
    sweep.columns = columns;
  }

  int add(SweepValue value) {
    sweep.values.push_back(value);
    return static_cast<int>(sweep.values.size()) - 1;
  }
  int input(Extent extent, DType dtype, int slot = -1) {
    SweepValue value;
    value.kind = Kind::input;
    value.extent = extent;
    value.dtype = dtype;
    value.slot = slot >= 0 ? slot : buffers++;
    return add(value);
  }
  int input(Extent extent) { return input(extent, sweep.dtype); }
  int number(int slot) {
    SweepValue value;
    value.kind = Kind::number;
    value.extent = Extent::single;
    value.slot = slot;
    return add(value);
  }
  int column() {
    SweepValue value;
    value.kind = Kind::column;
    value.extent = Extent::per_column;
    return add(value);
  }
  int draw(int slot, Distribution distribution = Distribution::uniform) {
    SweepValue value;
    value.kind = Kind::draw;
    value.slot = slot;
    value.distribution = distribution;
    return add(value);
  }
  template <class... Ids>
  int apply(const ElementKernel& kernel, Ids... ids) {
    SweepValue value;
    value.kind = Kind::apply;
    value.kernel = &kernel;
    value.extent = Extent::single;
    for (const int id : {static_cast<int>(ids)...}) {
      value.operands[value.operand_count++] = id;
      value.extent = join(value.extent, sweep.values[static_cast<std::size_t>(id)].extent);
    }
    return add(value);
  }
  int reduce(Reduction reduction, int id, Extent extent) {
    SweepValue value;
    value.kind = Kind::reduce;
    value.reduction = reduction;
    value.extent = extent;
    value.operand_count = 1;
    value.operands[0] = id;
    return add(value);
  }
  /// Returns the output's buffer.
  int output(int id, DType dtype, int slot = -1) {
    const int used = slot >= 0 ? slot : buffers++;
    sweep.outputs.push_back({id, used, dtype});
    return used;
  }
  int output(int id) { return output(id, sweep.dtype); }
};

/// Buffers of a sweep, each ending at an inaccessible page.
class Buffers {
 public:
  void* add(std::size_t bytes) {
    if (used_ == memory_.size()) memory_.push_back(std::make_unique<GuardedMemory>(std::size_t{1} << 20));
    void* place = memory_[used_++]->last<std::byte>(bytes);
    pointers_.push_back(place);
    return place;
  }
  void add_alias(int of) { pointers_.push_back(pointers_[static_cast<std::size_t>(of)]); }
  void clear() {
    used_ = 0;
    pointers_.clear();
  }
  void* operator[](int slot) const { return pointers_[static_cast<std::size_t>(slot)]; }
  const std::vector<void*>& pointers() const { return pointers_; }

 private:
  std::vector<std::unique_ptr<GuardedMemory>> memory_;
  std::vector<void*> pointers_;
  std::size_t used_ = 0;
};

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(const void* memory, std::size_t size) {
  Bytes bytes(size);
  if (size > 0) std::memcpy(bytes.data(), memory, size);
  return bytes;
}

/// Computes every value of a sweep with a sweep of one operation, into separate memory. Fused runs must give the same.
class ValueByValue {
 public:
  ValueByValue(const Sweep& sweep, const std::vector<Bytes>& inputs, const std::vector<double>& numbers,
               const std::vector<DrawSource>& draws)
      : sweep_(sweep), draws_(draws) {
    for (const SweepValue& value : sweep.values) {
      SweepWriter writer(sweep.dtype, sweep.rows, sweep.columns);
      std::vector<const Bytes*> read;
      int result = 0;
      switch (value.kind) {
        case Kind::input:
          result = writer.input(value.extent, value.dtype);
          read.push_back(&inputs[static_cast<std::size_t>(value.slot)]);
          break;
        case Kind::number: result = writer.number(value.slot); break;
        case Kind::column: result = writer.column(); break;
        case Kind::draw: result = writer.draw(value.slot, value.distribution); break;
        case Kind::apply:
        case Kind::reduce: {
          SweepValue copy = value;
          for (int k = 0; k < value.operand_count; ++k) {
            copy.operands[k] = writer.input(sweep.values[static_cast<std::size_t>(value.operands[k])].extent);
            read.push_back(&values_[static_cast<std::size_t>(value.operands[k])]);
          }
          result = writer.add(copy);
        }
      }
      writer.output(result);
      values_.push_back(run(writer.sweep, read, value.extent, sweep.dtype, numbers));
    }
  }

  /// The value as an output of `dtype` represents it.
  Bytes output(int id, DType dtype) const {
    const Extent extent = sweep_.values[static_cast<std::size_t>(id)].extent;
    SweepWriter writer(sweep_.dtype, sweep_.rows, sweep_.columns);
    writer.output(writer.input(extent), dtype);
    return run(writer.sweep, {&values_[static_cast<std::size_t>(id)]}, extent, dtype, {});
  }
  const Bytes& value(int id) const { return values_[static_cast<std::size_t>(id)]; }

 private:
  Bytes run(const Sweep& one, const std::vector<const Bytes*>& read, Extent extent, DType dtype,
            const std::vector<double>& numbers) const {
    Bytes result(static_cast<std::size_t>(count_of(sweep_, extent)) * size_of(dtype));
    std::vector<void*> buffers;
    for (const Bytes* bytes : read) buffers.push_back(const_cast<std::byte*>(bytes->data()));
    buffers.push_back(result.data());
    CompiledSweep(one).execute({buffers, numbers, draws_});
    return result;
  }

  const Sweep& sweep_;
  std::vector<DrawSource> draws_;
  std::deque<Bytes> values_;
};

/// Equal bits, or both NaN.
inline bool same_values(const void* a, const void* b, std::int64_t count, DType dtype) {
  if (dtype != DType::f32 && dtype != DType::f64)
    return std::memcmp(a, b, static_cast<std::size_t>(count) * size_of(dtype)) == 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (dtype == DType::f32) {
      const float x = static_cast<const float*>(a)[i], y = static_cast<const float*>(b)[i];
      if (std::memcmp(&x, &y, sizeof x) != 0 && !(x != x && y != y)) return false;
    } else {
      const double x = static_cast<const double*>(a)[i], y = static_cast<const double*>(b)[i];
      if (std::memcmp(&x, &y, sizeof x) != 0 && !(x != x && y != y)) return false;
    }
  }
  return true;
}

/// Runs `test` on every SIMD target that the processor has.
inline void on_every_target(const std::function<void()>& test) {
  for (const char* target : {"sse4", "avx2", "avx512", "neon"}) {
    try {
      set_simd_target(target);
    } catch (const ValueError&) {
      continue;
    }
    CAPTURE(target);
    test();
  }
  set_simd_target("");
}

template <class T>
std::vector<T> random_values(std::int64_t count, std::uint32_t seed, double low = -2, double high = 2) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> distribution(low, high);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(distribution(engine));
  return values;
}

template <class T>
T* guarded(Buffers& buffers, const std::vector<T>& values) {
  T* place = static_cast<T*>(buffers.add(values.size() * sizeof(T)));
  std::copy(values.begin(), values.end(), place);
  return place;
}

template <class T>
T* guarded(Buffers& buffers, std::int64_t count) {
  return guarded(buffers, std::vector<T>(static_cast<std::size_t>(count), T(77)));
}

inline void run_once(const Sweep& sweep, const Buffers& buffers, const std::vector<double>& numbers = {},
                     const std::vector<DrawSource>& draws = {}) {
  CompiledSweep(sweep).execute({buffers.pointers(), numbers, draws});
}

}  // namespace thalweg::testing
