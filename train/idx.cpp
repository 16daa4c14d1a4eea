#include <thalweg/train/idx.hpp>

#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>

#include <fmt/format.h>
#ifdef THALWEG_ZLIB
#include <zlib.h>
#endif

#include <thalweg/error.hpp>

namespace thalweg {

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t unsigned_byte_type = 0x08;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& expected, const std::string& found) {
  throw IoError(error_text("read_idx", fmt::format("{}: expected {}, found {}", file.string(), expected, found)));
}

Bytes read_file(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) fail(file, "an IDX file", "no such file");
  if (!std::filesystem::is_regular_file(file)) fail(file, "an IDX file", "something that is no file");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail(file, "an IDX file", "a file that cannot be opened");
  Bytes bytes(std::filesystem::file_size(file));
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!stream) fail(file, fmt::format("{} bytes", bytes.size()), fmt::format("only {} can be read", stream.gcount()));
  return bytes;
}

bool is_gzip(std::span<const std::uint8_t> bytes) { return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

#ifdef THALWEG_ZLIB
/// A gzip file is one stream or several after one another; whatever else follows is an error.
Bytes inflated(const std::filesystem::path& file, Bytes compressed) {
  constexpr int gzip_window_bits = 16 + MAX_WBITS;
  z_stream stream{};
  if (inflateInit2(&stream, gzip_window_bits) != Z_OK) fail(file, "memory to inflate it", "too little");
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&stream, inflateEnd);
  Bytes result(std::max<std::size_t>(1 << 16, 6 * compressed.size()));
  stream.next_in = compressed.data();
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::size_t size = 0;
  while (true) {
    if (size == result.size()) result.resize(2 * size);
    const auto room = static_cast<uInt>(std::min<std::size_t>(result.size() - size, 1U << 30));
    stream.next_out = result.data() + size;
    stream.avail_out = room;
    const int status = inflate(&stream, Z_NO_FLUSH);
    size += room - stream.avail_out;
    if (status == Z_STREAM_END) {
      const std::span<const std::uint8_t> rest(stream.next_in, stream.avail_in);
      if (rest.empty()) break;
      if (!is_gzip(rest))
        fail(file, "the end of the file after its gzip stream", fmt::format("{} bytes more", rest.size()));
      inflateReset(&stream);
    } else if (status == Z_BUF_ERROR || (status == Z_OK && stream.avail_in == 0 && stream.avail_out != 0)) {
      fail(file, "a whole gzip stream", fmt::format("a truncated one ({} bytes inflated)", size));
    } else if (status != Z_OK) {
      fail(file, "a gzip stream", fmt::format("a damaged one ({})", stream.msg ? stream.msg : "unknown reason"));
    }
  }
  result.resize(size);
  return result;
}
#else
Bytes inflated(const std::filesystem::path& file, const Bytes&) {
  fail(file, "an uncompressed IDX file, for this build is without zlib", "a gzip stream");
}
#endif

std::uint32_t big_endian(std::span<const std::uint8_t> bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 |
         std::uint32_t{bytes[at + 3]};
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& file, int rank) {
  Bytes content = read_file(file);
  if (is_gzip(content)) content = inflated(file, std::move(content));

  const std::size_t header = 4 + 4 * static_cast<std::size_t>(rank);
  const std::uint32_t magic = unsigned_byte_type << 8 | static_cast<std::uint32_t>(rank);
  const auto describe = [](std::uint32_t value) { return fmt::format("magic number {:#010x}", value); };
  if (content.size() >= 4 && big_endian(content, 0) != magic) {
    fail(file, fmt::format("{} (unsigned bytes in {} dimensions)", describe(magic), rank),
         describe(big_endian(content, 0)));
  }
  if (content.size() < header)
    fail(file, fmt::format("a header of {} bytes", header), fmt::format("{}", content.size()));

  IdxArray result;
  unsigned __int128 count = 1;  // at most 2^32 for each dimension: cannot overflow within the four that are in use
  for (std::size_t axis = 0; axis < static_cast<std::size_t>(rank); ++axis) {
    result.dimensions.push_back(big_endian(content, 4 + 4 * axis));
    count = std::min<unsigned __int128>(count * static_cast<std::uint64_t>(result.dimensions.back()), INT64_MAX);
  }
  const auto expected = static_cast<std::uint64_t>(count);
  const std::uint64_t found = content.size() - header;
  if (found != expected) {
    fail(file,
         fmt::format("{} bytes after the header, for dimensions ({})", expected, fmt::join(result.dimensions, ", ")),
         fmt::format("{} ({})", found, found < expected ? "truncated" : "trailing bytes"));
  }
  content.erase(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(header));
  result.bytes = std::move(content);
  return result;
}

}  // namespace thalweg
