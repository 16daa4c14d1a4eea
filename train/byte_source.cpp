#include "train/byte_source.hpp"

#include <algorithm>

#include <fmt/format.h>
#ifdef THALWEG_ZLIB
#include <zlib.h>
#endif

namespace thalweg {

namespace {

bool is_gzip(std::span<const std::uint8_t> bytes) { return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

}  // namespace

void fail_reading(const std::filesystem::path& file, const std::string& expected, const std::string& found,
                  SourceLine line) {
  throw IoError(error_text("read_idx", fmt::format("{}: expected {}, found {}", file.string(), expected, found), line));
}

void ByteSource::fail(const std::string& expected, const std::string& found) const {
  fail_reading(file_, expected, found, line_);
}

#ifdef THALWEG_ZLIB

struct ByteSource::Inflater {
  z_stream stream{};
  ~Inflater() { inflateEnd(&stream); }
};

/// A gzip file consists of one or more streams; anything else after them is an error.
std::size_t ByteSource::read_inflated(std::span<std::uint8_t> to) {
  constexpr std::size_t most_at_once = std::size_t{1} << 30;
  z_stream& stream = inflater_->stream;
  std::size_t size = 0;
  while (size < to.size() && !ended_) {
    if (left_.empty()) refill();
    const std::size_t room = std::min(to.size() - size, most_at_once);
    stream.next_in = const_cast<std::uint8_t*>(left_.data());
    stream.avail_in = static_cast<uInt>(left_.size());
    stream.next_out = to.data() + size;
    stream.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream, Z_NO_FLUSH);
    left_ = left_.last(stream.avail_in);
    size += room - stream.avail_out;
    inflated_ += room - stream.avail_out;
    if (status == Z_STREAM_END) {
      refill();
      ended_ = left_.empty();
      if (ended_) break;
      if (!is_gzip(left_)) {
        std::uint64_t more = 0;
        for (; !left_.empty(); refill()) more += left_.size(), left_ = {};
        fail("the end of the file after its gzip stream", fmt::format("{} bytes more", more));
      }
      inflateReset(&stream);
    } else if (status == Z_BUF_ERROR) {
      fail("a whole gzip stream", fmt::format("a truncated one ({} bytes inflated)", inflated_));
    } else if (status != Z_OK) {
      fail("a gzip stream", fmt::format("a damaged one ({})", stream.msg ? stream.msg : "unknown reason"));
    }
  }
  return size;
}

#else

struct ByteSource::Inflater {};
std::size_t ByteSource::read_inflated(std::span<std::uint8_t>) { return 0; }

#endif

ByteSource::ByteSource(const std::filesystem::path& file, SourceLine line) : file_(file), line_(line) {
  if (!std::filesystem::exists(file)) fail("an IDX file", "no such file");
  if (!std::filesystem::is_regular_file(file)) fail("an IDX file", "something that is no file");
  stream_.open(file, std::ios::binary);
  if (!stream_) fail("an IDX file", "a file that cannot be opened");
  refill();
  if (!is_gzip(left_)) return;
#ifdef THALWEG_ZLIB
  constexpr int gzip_window_bits = 16 + MAX_WBITS;
  inflater_ = std::make_unique<Inflater>();
  if (inflateInit2(&inflater_->stream, gzip_window_bits) != Z_OK) fail("memory to inflate it", "too little");
#else
  fail("an uncompressed IDX file, for this build is without zlib", "a gzip stream");
#endif
}

ByteSource::~ByteSource() = default;

void ByteSource::refill() {
  std::copy(left_.begin(), left_.end(), buffer_.begin());
  const std::span<std::uint8_t> room = std::span(buffer_).subspan(left_.size());
  stream_.read(reinterpret_cast<char*>(room.data()), static_cast<std::streamsize>(room.size()));
  left_ = std::span(buffer_).first(left_.size() + static_cast<std::size_t>(stream_.gcount()));
}

std::size_t ByteSource::read(std::span<std::uint8_t> to) {
  if (inflater_) return read_inflated(to);
  std::size_t size = 0;
  while (size < to.size()) {
    if (left_.empty()) refill();
    const std::size_t taken = std::min(left_.size(), to.size() - size);
    if (taken == 0) break;
    std::copy_n(left_.begin(), taken, to.begin() + static_cast<std::ptrdiff_t>(size));
    left_ = left_.subspan(taken);
    size += taken;
  }
  return size;
}

std::uint64_t ByteSource::count_rest() {
  std::array<std::uint8_t, 4096> some;
  std::uint64_t count = 0;
  while (const std::size_t size = read(some)) count += size;
  return count;
}

}  // namespace thalweg
