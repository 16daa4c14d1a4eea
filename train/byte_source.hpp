#pragma once
// Sequential reading of a file, decompressed if it is gzip, without holding all of it in memory.

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>

#include <thalweg/error.hpp>

namespace thalweg {

/// IoError naming the file, what was expected and what was found.
[[noreturn]] void fail_reading(const std::filesystem::path& file, const std::string& expected, const std::string& found,
                               SourceLine line);

class ByteSource {
 public:
  /// Throws if `file` cannot be opened, or is gzip in a build without zlib; errors name `line`.
  ByteSource(const std::filesystem::path& file, SourceLine line);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// Fills `to`, or less at the end of the file; returns the number of bytes. Throws for a damaged or truncated gzip
  /// stream.
  std::size_t read(std::span<std::uint8_t> to);
  /// Reads the rest of the file, and returns its number of bytes.
  std::uint64_t count_rest();

 private:
  struct Inflater;

  std::size_t read_inflated(std::span<std::uint8_t> to);
  /// Reads more of the file into the buffer, after the remaining bytes.
  void refill();

  [[noreturn]] void fail(const std::string& expected, const std::string& found) const;

  std::filesystem::path file_;
  SourceLine line_;
  std::ifstream stream_;
  std::array<std::uint8_t, 1 << 16> buffer_;
  std::span<const std::uint8_t> left_;  // unread bytes of the buffer
  std::uint64_t inflated_ = 0;
  bool ended_ = false;
  std::unique_ptr<Inflater> inflater_;  // null: a plain file
};

}  // namespace thalweg
