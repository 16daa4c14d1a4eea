#pragma once
// What a ParameterRegistry and its Parameters share: the flat buffers and the record of who wrote them.

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

/// 64-byte-aligned memory, zero-filled when it is made and where it grows.
class FlatBuffer {
 public:
  FlatBuffer() = default;
  FlatBuffer(DType dtype, std::int64_t elements) { resize(static_cast<std::size_t>(elements) * size_of(dtype)); }
  void* data() const { return storage_ ? storage_->data : nullptr; }
  /// Keeps what is there. What is asked for beyond the capacity grows it by half, so that adding many parameters copies
  /// each a few times only.
  void resize(std::size_t bytes);

 private:
  StorageHandle storage_;
  std::size_t bytes_ = 0;
};

class RegistryCore;

/// While it lives the registry is being written: nobody else writes, and a tape that wants to begin reading waits.
class WriteClaim {
 public:
  explicit WriteClaim(const RegistryCore& core) : core_(&core) {}
  WriteClaim(WriteClaim&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  WriteClaim& operator=(WriteClaim&&) = delete;
  ~WriteClaim();

 private:
  const RegistryCore* core_;
};

class RegistryCore : public std::enable_shared_from_this<RegistryCore> {
 public:
  struct Write {
    std::uint32_t count = 0;  // value of write_count after it
    const char* writer = "";  // the function: "step", "set_value"
    SourceLine line;
  };
  struct Entry {
    std::string name;
    Shape shape;
    const Shape* interned = nullptr;
    bool trainable = true;
    bool is_added_fixed = false;        // running statistics and the like: a pattern does not unfreeze them
    std::uint32_t trainable_since = 0;  // the registry's uid when it was added or unfrozen: its state began at zero
    std::int64_t offset = 0;            // into the trainable or the fixed buffers, in elements; a multiple of 64 bytes
    std::uint64_t gradient_count = 0;   // see note_gradients
    Write own_write;                    // the last one of this parameter alone; see last_write
  };
  struct State {
    std::string name;  // "adam.first_moment"
    FlatBuffer buffer;
  };
  /// A stretch of the flat buffers, as the vector or tensor that an optimizer's formula sees.
  struct Region {
    std::int64_t offset;  // in elements
    const Shape* shape;   // interned
    Write write;          // of all of it
  };
  /// An optimizer that is alive: it owns the states "name.*" of the parameters that it updates.
  struct Owner {
    std::string name;
    bool owns_all;             // parameters added later, too
    std::vector<int> indices;  // of the parameters, where it does not
  };

  RegistryCore(DType dtype, std::uint64_t seed);
  /// How many layouts the registries of the process have had: while it stands, every buffer stays where it is.
  static std::uint32_t layouts_made() { return last_uid.load(std::memory_order_relaxed); }

  /// Changes whenever something structural does (a parameter added, frozen, converted), so that recordings made before
  /// do not match any more. Unique in the process.
  std::uint32_t uid = 0;
  DType dtype = DType::f32;
  std::uint64_t seed = 0;
  std::deque<Entry> entries;            // names keep their addresses
  std::int64_t trainable_elements = 0;  // with padding: the length of values, gradients and each state buffer
  std::int64_t fixed_elements = 0;
  FlatBuffer trainable_values, fixed_values, gradients;
  std::vector<State> states;
  std::vector<Region> regions;  // of the present layout
  std::vector<Owner> optimizers;

  /// Counts writes to any parameter; a tape remembers it to notice that what it read has changed.
  std::uint32_t write_count = 0;

  /// Whether `gradients` holds what a backward() or Gradients::store() has filled, and how many times that has happened:
  /// the count tells an optimizer whether they are new since its last step. `all_gradients_count` is that of the last time
  /// that all were filled, Entry::gradient_count of the last that a selection with this parameter was.
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
  /// Of a trainable parameter.
  char* gradient_data(int index) const { return at(gradients, entries[static_cast<std::size_t>(index)]); }
  char* state_data(int state, int index) const {
    return at(states[static_cast<std::size_t>(state)].buffer, entries[static_cast<std::size_t>(index)]);
  }
  std::size_t entry_bytes(int index) const {
    return static_cast<std::size_t>(entries[static_cast<std::size_t>(index)].shape.size()) * size_of(dtype);
  }
  std::size_t trainable_bytes() const { return static_cast<std::size_t>(trainable_elements) * size_of(dtype); }

  /// The region of that place and shape; made where there is none yet.
  int region_index(std::int64_t offset, const Shape& shape);
  std::size_t region_begin(int region) const {
    return static_cast<std::size_t>(regions[static_cast<std::size_t>(region)].offset) * size_of(dtype);
  }

  /// The state buffer of that name; made, zero-filled, where there is none yet. Returns its index, which stays.
  int state_index(std::string_view name);
  int find_state(std::string_view name) const;  // −1: none

  // --- who reads and who writes ---

  /// A tape has read the registry, from now until it ends or is cleared; each is one atomic operation.
  void begin_read() const;
  void end_read() const;
  /// Claims the registry for writing as long as the result lives. TapeError where another thread's tape has read it, or
  /// another thread is writing.
  [[nodiscard]] WriteClaim claim_write(const char* writer, SourceLine line) const;
  /// The same for changes after which recorded nodes would be wrong: no tape at all may have read the registry.
  [[nodiscard]] WriteClaim claim_layout(const char* writer, SourceLine line) const;

  /// Notes that parameter `index` (−1: every trainable one) was written, or those whose values a region holds. Callers
  /// have claimed the write.
  void note_write(int index, const char* writer, SourceLine line);
  void note_region_write(int region, const char* writer, SourceLine line);
  const Write& last_write(int index) const;
  std::string describe_writer(int index) const;  // "step() at main.cpp:12"

  // --- structure; callers have claimed the layout, or for append the write ---

  int find(std::string_view name) const;  // −1: none
  /// Adds a parameter behind the others, its value zero.
  int append(std::string name, const Shape& shape, bool trainable);
  void set_trainable(const std::vector<int>& indices, bool trainable);
  void convert(DType to);

 private:
  friend class WriteClaim;
  static constexpr std::int64_t writing = std::int64_t{1} << 62;

  char* at(const FlatBuffer& buffer, const Entry& entry) const {
    return static_cast<char*>(buffer.data()) + static_cast<std::size_t>(entry.offset) * size_of(dtype);
  }
  /// Moves everything into new buffers of that dtype.
  std::vector<bool> trainable_flags() const;
  void lay_out(const std::vector<bool>& trainable, DType to);
  void renew_uid();
  WriteClaim claim(std::int64_t allowed_tapes, const char* writer, SourceLine line) const;
  std::int64_t own_tapes() const;

  static inline std::atomic<std::uint32_t> last_uid{0};
  std::unordered_map<std::string_view, int> indices_;
  /// Live tapes that have read this registry, of all threads, and the bit `writing`.
  mutable std::atomic<std::int64_t> readers_{0};
};

/// Whether `text` matches `pattern`, in which '*' stands for any text.
bool matches(std::string_view pattern, std::string_view text);

/// The candidates closest to `name` by edit distance, quoted, as the end of an error's sentence: `; the closest is
/// "w1"`.
std::string closest_names(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace thalweg::internal
