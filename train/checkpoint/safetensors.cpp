#include "train/checkpoint/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <thalweg/train/safetensors.hpp>

namespace thalweg {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the file is little-endian, and copied as it is");

namespace {

/// The format's limit for headers.
constexpr std::uint64_t most_header_bytes = 100'000'000;

struct Half {
  std::uint16_t bits;
  explicit operator float() const {
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    float value =
        std::ldexp(static_cast<float>(exponent == 0 ? mantissa : mantissa + 1024), std::max(exponent, 1) - 25);
    if (exponent == 31) value = mantissa == 0 ? HUGE_VALF : std::nanf("");
    return (bits & 0x8000) != 0 ? -value : value;
  }
};

struct Bfloat16 {
  std::uint16_t bits;
  explicit operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
};

/// Converts elements that are stored as another type.
using Widen = void (*)(const char* from, void* to, std::size_t count);
template <class From, class To>
void widen(const char* from, void* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    From stored;
    std::memcpy(&stored, from + i * sizeof stored, sizeof stored);
    static_cast<To*>(to)[i] = static_cast<To>(stored);  // NOLINT(bugprone-signed-char-misuse): a number of 8 bits
  }
}

/// The stored dtypes. The first four are also written.
struct Stored {
  const char* name;
  DType dtype;
  std::size_t bytes;
  Widen widen = nullptr;  // null: no conversion
};
constexpr Stored stored_dtypes[] = {
    {"F32", DType::f32, 4},
    {"F64", DType::f64, 8},
    {"I64", DType::i64, 8},
    {"BOOL", DType::boolean, 1, widen<std::uint8_t, bool>},  // other programs may write true as a byte other than 1
    {"F16", DType::f32, 2, widen<Half, float>},
    {"BF16", DType::f32, 2, widen<Bfloat16, float>},
    {"I32", DType::i64, 4, widen<std::int32_t, std::int64_t>},
    {"U32", DType::i64, 4, widen<std::uint32_t, std::int64_t>},
    {"I16", DType::i64, 2, widen<std::int16_t, std::int64_t>},
    {"U16", DType::i64, 2, widen<std::uint16_t, std::int64_t>},
    {"I8", DType::i64, 1, widen<std::int8_t, std::int64_t>},
    {"U8", DType::i64, 1, widen<std::uint8_t, std::int64_t>},
};

const char* name_of(DType dtype) {
  for (const Stored& stored : stored_dtypes)
    if (stored.dtype == dtype) return stored.name;
  return "";
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

[[noreturn]] void fail(const std::string& path, const std::string& message, SourceLine line) {
  throw IoError(error_text("safetensors", fmt::format("{}: {}", path, message), line));
}

[[noreturn]] void fail_system(const std::string& path, const char* what, SourceLine line) {
  const int code = errno;
  fail(path, fmt::format("{}: {}", what, std::strerror(code)), line);
}

void read_bytes(const File& file, void* data, std::size_t bytes, const std::string& path, SourceLine line) {
  if (bytes == 0) return;
  const std::size_t found = std::fread(data, 1, bytes, file.get());
  if (found == bytes) return;
  if (std::ferror(file.get()) != 0) fail_system(path, "it cannot be read", line);
  fail(path, fmt::format("expected {} bytes more, found {}: it was cut off", bytes, found), line);
}

/// The location of a tensor in the file.
struct Place {
  std::uint64_t begin;
  const Stored* stored;
  std::string name;
};

const Stored& stored_dtype(const std::string& name, const json& entry, const std::string& path, SourceLine line) {
  const std::string wanted = entry.at("dtype");
  std::vector<std::string_view> known;
  for (const Stored& stored : stored_dtypes) {
    if (wanted == stored.name) return stored;
    known.emplace_back(stored.name);
  }
  fail(path, fmt::format("\"{}\": expected a dtype of {}, found {}", name, fmt::join(known, ", "), wanted), line);
}

/// The tensors listed in the header, with their locations; does not read elements.
std::vector<Place> places_of(const json& header, SafetensorsFile& file, std::uint64_t data_bytes,
                             const std::string& path, SourceLine line) {
  std::vector<Place> places;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      file.metadata = entry.get<std::map<std::string, std::string>>();
      continue;
    }
    const std::uint64_t begin = entry.at("data_offsets").at(0), end = entry.at("data_offsets").at(1);
    if (end > data_bytes || begin > end)
      fail(path,
           fmt::format("\"{}\": expected bytes {} to {} of the data, found {} bytes: it was cut off", name, begin, end,
                       data_bytes),
           line);
    const Stored& stored = stored_dtype(name, entry, path, line);
    const std::vector<std::int64_t> dimensions = entry.at("shape");
    const Shape shape{std::span(dimensions)};
    const std::uint64_t bytes = static_cast<std::uint64_t>(shape.size()) * stored.bytes;
    if (bytes != end - begin)
      fail(path, fmt::format("\"{}\": expected {} bytes for {}, found {}", name, bytes, to_string(shape), end - begin),
           line);
    places.push_back({begin, &stored, name});
    file.tensors.emplace(name, Tensor::empty(shape, stored.dtype));
  }
  return places;
}

void read_elements(const File& file, Tensor& tensor, const Stored& stored, const std::string& path, SourceLine line) {
  if (stored.widen == nullptr) return read_bytes(file, tensor.mutable_raw(), tensor.bytes(), path, line);
  const auto count = static_cast<std::size_t>(tensor.size());
  std::vector<char> bytes(count * stored.bytes);
  read_bytes(file, bytes.data(), bytes.size(), path, line);
  stored.widen(bytes.data(), tensor.mutable_raw(), count);
}

std::string header_of(const SafetensorsFile& file) {
  json header = json::object();
  header["__metadata__"] = file.metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    json shape = json::array();
    for (int axis = 0; axis < tensor.shape().rank(); ++axis) shape.push_back(tensor.shape()[axis]);
    header[name] = {
        {"dtype", name_of(tensor.dtype())}, {"shape", shape}, {"data_offsets", {offset, offset + tensor.bytes()}}};
    offset += tensor.bytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // aligns the data to 8 bytes
  return text;
}

/// Writes to the path `unfinished`; errors name `path`, the final file.
void write_all(const std::string& unfinished, const SafetensorsFile& content, const std::string& path,
               SourceLine line) {
  const File file(std::fopen(unfinished.c_str(), "wb"));
  if (!file) fail_system(path, "it cannot be written", line);
  const auto write = [&](const void* data, std::size_t bytes) {
    if (bytes > 0 && std::fwrite(data, 1, bytes, file.get()) != bytes) fail_system(path, "it cannot be written", line);
  };
  const std::string header = header_of(content);
  const std::uint64_t length = header.size();
  write(&length, sizeof length);
  write(header.data(), header.size());
  for (const auto& [name, tensor] : content.tensors) write(tensor.raw(), tensor.bytes());
  if (std::fflush(file.get()) != 0 || ::fsync(::fileno(file.get())) != 0)
    fail_system(path, "it cannot be written", line);
}

}  // namespace

SafetensorsFile read_safetensors(const std::string& path, SourceLine line) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) fail_system(path, "it cannot be opened", line);
  std::error_code ignored;
  const std::uintmax_t size = std::filesystem::file_size(path, ignored);
  std::uint64_t length = 0;
  read_bytes(file, &length, sizeof length, path, line);
  if (length > most_header_bytes || length + sizeof length > size)
    fail(path, fmt::format("expected a header of {} bytes, found a file of {}", length, size), line);
  std::string text(length, ' ');
  read_bytes(file, text.data(), text.size(), path, line);
  SafetensorsFile result;
  try {
    const std::uint64_t data_bytes = size - length - sizeof length;
    for (const Place& place : places_of(json::parse(text), result, data_bytes, path, line)) {
      if (std::fseek(file.get(), static_cast<long>(place.begin + length + sizeof length), SEEK_SET) != 0)
        fail_system(path, "it cannot be read", line);
      read_elements(file, result.tensors.at(place.name), *place.stored, path, line);
    }
  } catch (const json::exception& error) {
    fail(path, fmt::format("its header is damaged: {}", error.what()), line);
  } catch (const ShapeError& error) {
    fail(path, fmt::format("its header is damaged: {}", error.what()), line);
  }
  return result;
}

void write_safetensors(const std::string& path, const SafetensorsFile& file, SourceLine line) {
  const std::string unfinished = fmt::format("{}.{}.unfinished", path, ::getpid());
  try {
    write_all(unfinished, file, path, line);
    if (std::rename(unfinished.c_str(), path.c_str()) != 0) fail_system(path, "it cannot be replaced", line);
  } catch (...) {
    std::remove(unfinished.c_str());
    throw;
  }
}

std::map<std::string, Tensor> load_safetensors(const std::string& path, SourceLine line) {
  return read_safetensors(path, line).tensors;
}

void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors, SourceLine line) {
  write_safetensors(path, {.metadata = {}, .tensors = tensors}, line);
}

}  // namespace thalweg
