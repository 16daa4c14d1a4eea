#include "train/checkpoint/safetensors.hpp"

#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

namespace thalweg {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the file is little-endian, and copied as it is");

namespace {

/// Longer headers are not of such files.
constexpr std::uint64_t most_header_bytes = 100'000'000;

struct DtypeName {
  DType dtype;
  const char* name;
};
constexpr DtypeName dtype_names[] = {
    {DType::f32, "F32"}, {DType::f64, "F64"}, {DType::i64, "I64"}, {DType::boolean, "BOOL"}};

const char* name_of(DType dtype) {
  for (const DtypeName& known : dtype_names)
    if (known.dtype == dtype) return known.name;
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

/// The tensor that an entry of the header describes, its elements not yet read.
Tensor described(const std::string& name, const json& entry, const std::string& path, SourceLine line) {
  const std::string dtype_name = entry.at("dtype");
  const std::vector<std::int64_t> dimensions = entry.at("shape");
  for (const DtypeName& known : dtype_names)
    if (dtype_name == known.name) return Tensor::empty(Shape(std::span(dimensions)), known.dtype);
  fail(path, fmt::format("\"{}\": expected a dtype of F32, F64, I64 or BOOL, found {}", name, dtype_name), line);
}

/// The tensors in the order of their places in the file, which have no gaps.
std::vector<std::pair<std::uint64_t, std::string>> places_of(const json& header, SafetensorsFile& file,
                                                             std::uint64_t data_bytes, const std::string& path,
                                                             SourceLine line) {
  std::vector<std::pair<std::uint64_t, std::string>> places;
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
    const Tensor tensor = described(name, entry, path, line);
    if (tensor.bytes() != end - begin)
      fail(path,
           fmt::format("\"{}\": expected {} bytes for {}, found {}", name, tensor.bytes(), to_string(tensor.shape()),
                       end - begin),
           line);
    places.emplace_back(begin, name);
    file.tensors.emplace(name, tensor);
  }
  return places;
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
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data begin at a multiple of 8 bytes
  return text;
}

/// Writes it as `unfinished`; errors name `path`, the file that this is to become.
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
    for (const auto& [begin, name] : places_of(json::parse(text), result, data_bytes, path, line)) {
      Tensor& tensor = result.tensors.at(name);
      if (std::fseek(file.get(), static_cast<long>(begin + length + sizeof length), SEEK_SET) != 0)
        fail_system(path, "it cannot be read", line);
      read_bytes(file, tensor.mutable_raw(), tensor.bytes(), path, line);
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

}  // namespace thalweg
