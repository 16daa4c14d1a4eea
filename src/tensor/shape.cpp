#include <thalweg/shape.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include <thalweg/error.hpp>

namespace thalweg {

namespace {

std::string text_of(std::span<const std::int64_t> dimensions) {
  if (dimensions.size() == 1) return fmt::format("({},)", dimensions[0]);
  std::string text = "(";
  for (std::size_t i = 0; i < dimensions.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", dimensions[i]);
  return text + ")";
}

std::size_t hash_of(const Shape& shape) {
  std::uint64_t hash = static_cast<std::uint64_t>(shape.rank()) * 0x9E3779B97F4A7C15u;
  for (const std::int64_t dimension : shape) {
    hash = (hash ^ static_cast<std::uint64_t>(dimension)) * 0xFF51AFD7ED558CCDu;
    hash ^= hash >> 32;
  }
  return hash;
}

/// The interned shapes of the process. Never shrinks: a program has few shapes, of about 100 bytes each.
class ShapeTable {
 public:
  ShapeTable() { shapes_.insert(&internal::no_elements); }
  const Shape* intern(const Shape& shape) {
    const std::scoped_lock lock(mutex_);
    if (const auto known = shapes_.find(&shape); known != shapes_.end()) return *known;
    return *shapes_.insert(&made_.emplace_back(shape)).first;
  }

 private:
  struct Hash {
    std::size_t operator()(const Shape* shape) const { return hash_of(*shape); }
  };
  struct Equal {
    bool operator()(const Shape* a, const Shape* b) const { return *a == *b; }
  };
  std::mutex mutex_;
  std::deque<Shape> made_;
  std::unordered_set<const Shape*, Hash, Equal> shapes_;
};

ShapeTable& shape_table() {
  static ShapeTable* table = new ShapeTable;  // never destroyed: tensors of static storage duration may use it at exit
  return *table;
}

/// A direct-mapped cache in front of the table avoids the lock for shapes that a thread uses often.
using ShapeCache = std::array<const Shape*, 64>;
[[gnu::tls_model("initial-exec")]] constinit thread_local ShapeCache shape_cache{};

}  // namespace

const Shape* internal::intern_shape(const Shape& shape) {
  const Shape*& cached = shape_cache[hash_of(shape) % shape_cache.size()];
  if (cached == nullptr || !(*cached == shape)) cached = shape_table().intern(shape);
  return cached;
}

void Shape::fail(std::span<const std::int64_t> dimensions, const char* why, SourceLine line) {
  throw ShapeError(error_text("shape", fmt::format("{} {}", text_of(dimensions), why), line));
}

void Shape::fail(internal::DimensionList dimensions, const char* why, SourceLine line) {
  const std::vector<std::int64_t> numbers(dimensions.begin(), dimensions.end());
  fail(std::span<const std::int64_t>(numbers), why, line);
}

std::string to_string(const Shape& shape) { return text_of(std::span<const std::int64_t>(shape.begin(), shape.end())); }

Shape broadcast_shapes(const char* op, const Shape& lhs, const Shape& rhs) {
  const int rank = std::max(lhs.rank(), rhs.rank());
  std::array<std::int64_t, Shape::max_rank> dimensions{};
  for (int axis = 0; axis < rank; ++axis) {
    const int lhs_axis = axis - (rank - lhs.rank());
    const int rhs_axis = axis - (rank - rhs.rank());
    const std::int64_t from_lhs = lhs_axis < 0 ? 1 : lhs[lhs_axis];
    const std::int64_t from_rhs = rhs_axis < 0 ? 1 : rhs[rhs_axis];
    if (from_lhs != from_rhs && from_lhs != 1 && from_rhs != 1)
      throw ShapeError(
          error_text(op, fmt::format("shapes do not broadcast: lhs {}, rhs {}", to_string(lhs), to_string(rhs))));
    dimensions[static_cast<std::size_t>(axis)] = from_lhs == 1 ? from_rhs : from_lhs;
  }
  return Shape(std::span<const std::int64_t>(dimensions.data(), static_cast<std::size_t>(rank)));
}

int axis_of(const char* op, std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    throw IndexError(error_text(op, fmt::format("axis {} is out of range for rank {}", axis, rank)));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace thalweg
