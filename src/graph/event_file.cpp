#include "src/graph/event_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>

#include <unistd.h>

#include <fmt/format.h>

#include <thalweg/error.hpp>

namespace thalweg::internal {

namespace {

// --- protocol buffers' wire format ---

void append_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>((value & 0x7F) | 0x80);
  to += static_cast<char>(value);
}
template <class T>
void append_bits(std::string& to, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  if constexpr (std::endian::native == std::endian::big) std::reverse(std::begin(bytes), std::end(bytes));
  to.append(bytes, sizeof value);
}

enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void append_tag(std::string& to, std::uint32_t field, Wire wire) {
  append_varint(to, std::uint64_t{field} << 3 | static_cast<std::uint64_t>(wire));
}
void append_double(std::string& to, std::uint32_t field, double value) {
  append_tag(to, field, Wire::fixed64);
  append_bits(to, value);
}
void append_float(std::string& to, std::uint32_t field, float value) {
  append_tag(to, field, Wire::fixed32);
  append_bits(to, value);
}
void append_bytes(std::string& to, std::uint32_t field, std::string_view bytes) {
  append_tag(to, field, Wire::bytes);
  append_varint(to, bytes.size());
  to += bytes;
}
void append_doubles(std::string& to, std::uint32_t field, std::span<const double> values) {
  std::string packed;
  for (const double value : values) append_bits(packed, value);
  append_bytes(to, field, packed);
}

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// Event {wall_time = 1, step = 2, summary = 5 {value = 1 {tag = 1, …}}}.
std::string event_of(const std::string& tag, std::string_view value_field, std::int64_t step) {
  std::string value, summary, event;
  append_bytes(value, 1, tag);
  value += value_field;
  append_bytes(summary, 1, value);
  append_double(event, 1, now());
  append_tag(event, 2, Wire::varint);
  append_varint(event, static_cast<std::uint64_t>(step));
  append_bytes(event, 5, summary);
  return event;
}

/// TFRecords mask their checksums, since checksums of data that contain checksums are problematic.
std::uint32_t masked(std::uint32_t crc) { return std::rotr(crc, 15) + 0xA282EAD8u; }

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
    table[i] = crc;
  }
  return table;
}();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) crc = crc >> 8 ^ crc_table[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  file_ = folder / fmt::format("events.out.tfevents.{}.{}", static_cast<std::int64_t>(now()), ::getpid());
  stream_.open(file_, std::ios::binary);
  std::string version;
  append_double(version, 1, now());
  append_bytes(version, 3, "brain.Event:2");
  write(version);
}

void EventFile::write(const std::string& event) {
  std::string record;
  append_bits(record, static_cast<std::uint64_t>(event.size()));
  append_bits(record, masked(crc32c(record)));
  record += event;
  append_bits(record, masked(crc32c(event)));
  stream_.write(record.data(), static_cast<std::streamsize>(record.size()));
  stream_.flush();  // TensorBoard may be reading the file
  if (!stream_) throw IoError(error_text("Monitor", fmt::format("{} cannot be written", file_.string())));
}

void EventFile::scalar(const std::string& tag, double value, std::int64_t step) {
  std::string field;
  append_float(field, 2, static_cast<float>(value));
  write(event_of(tag, field, step));
}

void EventFile::histogram(const std::string& tag, const Histogram& histogram, std::int64_t step) {
  std::string message, field;
  append_double(message, 1, histogram.minimum);
  append_double(message, 2, histogram.maximum);
  append_double(message, 3, histogram.count);
  append_double(message, 4, histogram.sum);
  append_double(message, 5, histogram.sum_of_squares);
  append_doubles(message, 6, histogram.limits);
  append_doubles(message, 7, histogram.counts);
  append_bytes(field, 5, message);
  write(event_of(tag, field, step));
}

}  // namespace thalweg::internal
