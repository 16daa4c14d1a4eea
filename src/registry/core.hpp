#pragma once
// The shared state of a ParameterRegistry and its Parameters: the flat buffers, and the record of writes to them.

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <thalweg/registry.hpp>

namespace thalweg::internal {

/// 64-byte aligned memory. New elements are zero.
class FlatBuffer {
 public:
  FlatBuffer() = default;
  FlatBuffer(DType dtype, std::int64_t elements) { resize(static_cast<std::size_t>(elements) * size_of(dtype)); }
  void* data() const { return storage_ ? storage_->data : nullptr; }
  /// Keeps the contents. Growing beyond the capacity grows it by at least half, so that adding many parameters copies
  /// each only a few times.
  void resize(std::size_t bytes);

 private:
  StorageHandle storage_;
  std::size_t bytes_ = 0;
};

class RegistryCore;

/// A write lock on a registry: during its lifetime nobody else writes, and a tape that begins reading waits.
class WriteClaim {
 public:
  explicit WriteClaim(const RegistryCore& core) : core_(&core) {}
  WriteClaim(WriteClaim&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  WriteClaim& operator=(WriteClaim&&) = delete;
  ~WriteClaim();
  bool is_of(const RegistryCore& core) const { return core_ == &core; }

 private:
  const RegistryCore* core_;
};

class RegistryCore : public std::enable_shared_from_this<RegistryCore> {
 public:
  struct Write {
    std::uint32_t count = 0;  // write_count after the write
    const char* writer = "";  // the function: "step", "set_value"
    SourceLine line;
  };
  struct Entry {
    std::string name;
    Shape shape;
    const Shape* interned = nullptr;
    bool trainable = true;
    bool is_added_fixed = false;        // added as not trainable, like running statistics: patterns do not unfreeze it
    std::uint32_t trainable_since = 0;  // the registry's uid when it was added or unfrozen: its state began at zero
    std::int64_t offset = 0;            // into the trainable or the fixed buffers, in elements; 64-byte aligned
    std::uint64_t gradient_count = 0;   // see note_gradients
    Write own_write;                    // the last write to this parameter alone; see last_write
  };
  struct State {
    std::string name;  // "adam.first_moment"
    FlatBuffer buffer;
  };
  /// A range of the flat buffers that an optimizer's formula sees as one tensor.
  struct Region {
    std::int64_t offset;  // in elements
    const Shape* shape;   // interned
    Write write;          // the last write to the whole region
  };
  /// A live optimizer, which owns the states "name.*" of the parameters it updates.
  struct Owner {
    std::string name;
    bool owns_all;             // owns all parameters, including ones added later
    std::vector<int> indices;  // the parameters it owns otherwise
  };

  RegistryCore(DType dtype, std::uint64_t seed);
  /// The number of registry layouts made in this process. While it is unchanged, no registry buffer moves.
  static std::uint32_t layouts_made() { return last_uid.load(std::memory_order_relaxed); }

  /// Changes with every structural change (a parameter added, frozen or converted), so that earlier recordings no
  /// longer match. Unique in the process.
  std::uint32_t uid = 0;
  DType dtype = DType::f32;
  std::uint64_t seed = 0;
  std::deque<Entry> entries;            // names keep their addresses
  std::int64_t trainable_elements = 0;  // with padding: the length of values, gradients and each state buffer
  std::int64_t fixed_elements = 0;
  FlatBuffer trainable_values, fixed_values, gradients;
  std::vector<State> states;
  std::vector<Region> regions;  // of the current layout
  std::vector<Owner> optimizers;

  /// Counts writes to any parameter. Tapes compare it to detect that a value they read has changed.
  std::uint32_t write_count = 0;

  /// Whether `gradients` is filled by a backward() or Gradients::store(), and how often that has happened: an optimizer
  /// uses the count to tell whether gradients are new since its last step. `all_gradients_count` is the count when all
  /// were last filled, Entry::gradient_count the count when a selection with this parameter last was.
  bool gradients_filled = false;
  std::uint64_t gradient_count = 0, all_gradients_count = 0;
  void note_gradients(const std::vector<int>* selection = nullptr) {
    gradients_filled = true;
    ++gradient_count;
    if (selection == nullptr) {
      all_gradients_count = gradient_count;
    } else {
      for (const int index : *selection) entries[static_cast<std::size_t>(index)].gradient_count = gradient_count;
    }
  }

  char* value_data(int index) const {
    const Entry& entry = entries[static_cast<std::size_t>(index)];
    return at((entry.trainable ? trainable_values : fixed_values), entry);
  }
  /// For a trainable parameter.
  char* gradient_data(int index) const { return at(gradients, entries[static_cast<std::size_t>(index)]); }
  char* state_data(int state, int index) const {
    return at(states[static_cast<std::size_t>(state)].buffer, entries[static_cast<std::size_t>(index)]);
  }
  std::size_t entry_bytes(int index) const {
    return static_cast<std::size_t>(entries[static_cast<std::size_t>(index)].shape.size()) * size_of(dtype);
  }
  std::size_t trainable_bytes() const { return static_cast<std::size_t>(trainable_elements) * size_of(dtype); }

  /// The index of the region at `offset` with `shape`; adds it if there is none.
  int region_index(std::int64_t offset, const Shape& shape);
  std::size_t region_begin(int region) const {
    return static_cast<std::size_t>(regions[static_cast<std::size_t>(region)].offset) * size_of(dtype);
  }

  /// The index of the state buffer of that name, which never changes; adds it, with zeros, if there is none.
  int state_index(std::string_view name);
  int find_state(std::string_view name) const;  // −1: none

  // --- readers and writers ---

  /// Mark the registry as read by a tape, until the tape ends or is cleared. Each is one atomic operation.
  void begin_read() const;
  void end_read() const;
  /// Claims the registry for writing during the result's lifetime. TapeError if another thread's tape has read it, or
  /// another thread is writing.
  [[nodiscard]] WriteClaim claim_write(const char* writer, SourceLine line) const;
  /// The same for changes that invalidate recorded nodes: no live tape at all may have read the registry.
  [[nodiscard]] WriteClaim claim_layout(const char* writer, SourceLine line) const;

  /// Record a write to parameter `index` (−1: every trainable one), or to the parameters in a region. The caller holds
  /// a WriteClaim.
  void note_write(int index, const char* writer, SourceLine line);
  void note_region_write(int region, const char* writer, SourceLine line);
  const Write& last_write(int index) const;
  std::string describe_writer(int index) const;  // "step() at main.cpp:12"

  // --- structure; the caller has claimed the layout, or for append the write ---

  int find(std::string_view name) const;  // −1: none
  /// Adds a parameter after the others, with value zero.
  int append(std::string name, const Shape& shape, bool trainable);
  void set_trainable(const std::vector<int>& indices, bool trainable);
  void convert(DType to);

 private:
  friend class WriteClaim;
  static constexpr std::int64_t writing = std::int64_t{1} << 62;

  char* at(const FlatBuffer& buffer, const Entry& entry) const {
    return static_cast<char*>(buffer.data()) + static_cast<std::size_t>(entry.offset) * size_of(dtype);
  }
  std::vector<bool> trainable_flags() const;
  /// Moves everything into new buffers of dtype `to`.
  void lay_out(const std::vector<bool>& trainable, DType to);
  void renew_uid();
  WriteClaim claim(std::int64_t allowed_tapes, const char* writer, SourceLine line) const;
  std::int64_t own_tapes() const;

  static inline std::atomic<std::uint32_t> last_uid{0};
  std::unordered_map<std::string_view, int> indices_;
  /// The number of live tapes, of all threads, that have read this registry, and the bit `writing`.
  mutable std::atomic<std::int64_t> readers_{0};
};

/// Whether `text` matches `pattern`, in which '*' matches any text.
bool matches(std::string_view pattern, std::string_view text);

/// The candidates closest to `name` by edit distance, quoted, as the end of an error message:
/// `; the closest is "w1"`.
std::string closest_names(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace thalweg::internal
