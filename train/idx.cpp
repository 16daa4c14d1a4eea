#include <thalweg/train/idx.hpp>

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "train/byte_source.hpp"

namespace thalweg {

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t unsigned_byte_type = 0x08;

std::uint32_t big_endian(const Bytes& bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 |
         std::uint32_t{bytes[at + 3]};
}

std::string describe(std::uint32_t magic) { return fmt::format("magic number {:#010x}", magic); }

/// Reads the dimensions at the beginning of the file.
std::vector<std::int64_t> read_header(ByteSource& source, const std::filesystem::path& file, int rank,
                                      SourceLine line) {
  Bytes header(4 + 4 * static_cast<std::size_t>(rank));
  const std::size_t found = source.read(header);
  const std::uint32_t magic = unsigned_byte_type << 8 | static_cast<std::uint32_t>(rank);
  if (found >= 4 && big_endian(header, 0) != magic) {
    fail_reading(file, fmt::format("{} (unsigned bytes in {} dimensions)", describe(magic), rank),
                 describe(big_endian(header, 0)), line);
  }
  if (found < header.size())
    fail_reading(file, fmt::format("a header of {} bytes", header.size()), fmt::format("{}", found), line);
  std::vector<std::int64_t> dimensions;
  for (std::size_t at = 4; at < header.size(); at += 4) dimensions.push_back(big_endian(header, at));
  return dimensions;
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& file, int rank, SourceLine line) {
  ByteSource source(file, line);
  IdxArray result{read_header(source, file, rank, line), {}};
  unsigned __int128 count = 1;  // dimensions are below 2^32, so up to four of them cannot overflow
  for (const std::int64_t dimension : result.dimensions)
    count = std::min<unsigned __int128>(count * static_cast<std::uint64_t>(dimension), INT64_MAX);
  const auto expected = static_cast<std::uint64_t>(count);

  // Reject dimensions that the file cannot contain (gzip compresses to no less than a thousandth) before allocating.
  constexpr std::uint64_t most_inflation = 1100;
  std::uint64_t found = 0;
  if (expected <= most_inflation * std::filesystem::file_size(file)) {
    result.bytes.resize(static_cast<std::size_t>(expected));
    found = source.read(result.bytes);
  }
  found += source.count_rest();
  if (found != expected) {
    fail_reading(
        file,
        fmt::format("{} bytes after the header, for dimensions ({})", expected, fmt::join(result.dimensions, ", ")),
        fmt::format("{} ({})", found, found < expected ? "truncated" : "trailing bytes"), line);
  }
  return result;
}

}  // namespace thalweg
