#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <zlib.h>

#include <thalweg/error.hpp>
#include <thalweg/train/dataset.hpp>
#include <thalweg/train/idx.hpp>

namespace tw = thalweg;
namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

namespace {

/// A folder of its own for each test, removed at its end.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "thalweg-idx-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }

  fs::path write(const std::string& name, const Bytes& bytes) const {
    std::ofstream(path / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path / name;
  }
};

Bytes gzip(const Bytes& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes result(deflateBound(&stream, bytes.size()) + 32);
  stream.next_in = const_cast<std::uint8_t*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = result.data();
  stream.avail_out = static_cast<uInt>(result.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

Bytes joined(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// 3 images of 2 × 2 pixels, and their labels.
const Bytes image_file = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 2, 3, 4, 5, 6, 7, 252, 253, 254, 255};
const Bytes label_file = {0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9};

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const tw::IoError& error) {
    return error.what();
  }
  return "no IoError";
}

constexpr tw::SourceLine user_line{"main.cpp", 3};

/// Without the user's line, which it ends with.
std::string error_of_images(const fs::path& file) {
  const std::string text = error_of([&] { tw::read_idx(file, 3, user_line); }), place = " at main.cpp:3";
  CHECK_THAT(text, Catch::EndsWith(place));
  return text.substr(0, text.size() - std::min(text.size(), place.size()));
}

}  // namespace

TEST_CASE("read_idx: plain and gzip give the same") {
  const Folder folder;
  for (const fs::path& file :
       {folder.write("images", image_file), folder.write("images.gz", gzip(image_file)),
        folder.write("several.gz", joined(gzip(Bytes(image_file.begin(), image_file.begin() + 9)),
                                          gzip(Bytes(image_file.begin() + 9, image_file.end()))))}) {
    const tw::IdxArray images = tw::read_idx(file, 3);
    CHECK(images.dimensions == std::vector<std::int64_t>{3, 2, 2});
    CHECK(images.bytes == Bytes(image_file.begin() + 16, image_file.end()));
  }
}

TEST_CASE("read_idx: files larger than what is read at once") {
  const Folder folder;
  Bytes content = {0, 0, 8, 1, 0, 3, 13, 64};  // 200,000 elements
  std::uint32_t state = 1;
  while (content.size() < 200'008)
    content.push_back(static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24));
  const Bytes elements(content.begin() + 8, content.end());
  CHECK(tw::read_idx(folder.write("plain", content), 1).bytes == elements);
  CHECK(tw::read_idx(folder.write("one.gz", gzip(content)), 1).bytes == elements);
  // The second stream begins at and around the 64 KiB that the file is read by.
  for (const std::size_t first : {65'400, 65'480, 65'490, 65'500, 65'510, 65'520}) {
    const Bytes begin = gzip(Bytes(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(first)));
    CAPTURE(begin.size());
    const Bytes file = joined(begin, gzip(Bytes(content.begin() + static_cast<std::ptrdiff_t>(first), content.end())));
    CHECK(tw::read_idx(folder.write("two.gz", file), 1).bytes == elements);
    CHECK_THAT(error_of([&] { tw::read_idx(folder.write("trailing.gz", joined(begin, Bytes(100'000, 7))), 1); }),
               Catch::Contains("after its gzip stream, found 100000 bytes more"));
  }
}

TEST_CASE("read_idx: what is wrong with the file") {
  const Folder folder;
  const std::string missing = (folder.path / "missing").string();
  CHECK(error_of_images(missing) == "[read_idx] " + missing + ": expected an IDX file, found no such file");
  CHECK(error_of_images(folder.path) ==
        "[read_idx] " + folder.path.string() + ": expected an IDX file, found something that is no file");

  const fs::path labels = folder.write("labels", label_file);
  CHECK(error_of_images(labels) ==
        "[read_idx] " + labels.string() +
            ": expected magic number 0x00000803 (unsigned bytes in 3 dimensions), found magic "
            "number 0x00000801");

  const fs::path truncated = folder.write("truncated", Bytes(image_file.begin(), image_file.end() - 1));
  CHECK(error_of_images(truncated) ==
        "[read_idx] " + truncated.string() +
            ": expected 12 bytes after the header, for dimensions (3, 2, 2), found 11 (truncated)");

  const fs::path trailing = folder.write("trailing", joined(image_file, {1, 2}));
  CHECK(error_of_images(trailing) ==
        "[read_idx] " + trailing.string() +
            ": expected 12 bytes after the header, for dimensions (3, 2, 2), found 14 (trailing bytes)");

  const fs::path short_header = folder.write("short", Bytes(image_file.begin(), image_file.begin() + 10));
  CHECK(error_of_images(short_header) ==
        "[read_idx] " + short_header.string() + ": expected a header of 16 bytes, found 10");
  const fs::path empty = folder.write("empty", {});
  CHECK(error_of_images(empty) == "[read_idx] " + empty.string() + ": expected a header of 16 bytes, found 0");
}

TEST_CASE("read_idx: dimensions beyond any file") {
  const Folder folder;
  const fs::path file =
      folder.write("huge", {0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1});
  CHECK_THAT(error_of_images(file), Catch::Contains("found 1 (truncated)"));
}

TEST_CASE("read_idx: what is wrong with a gzip stream") {
  const Folder folder;
  const Bytes whole = gzip(image_file);
  CHECK_THAT(error_of_images(folder.write("truncated.gz", Bytes(whole.begin(), whole.end() - 9))),
             Catch::Contains("truncated.gz: expected a whole gzip stream, found a truncated one"));
  Bytes damaged = whole;
  damaged[damaged.size() - 6] ^= 1;  // in the checksum
  CHECK_THAT(error_of_images(folder.write("damaged.gz", damaged)),
             Catch::Contains("damaged.gz: expected a gzip stream, found a damaged one (incorrect data check)"));
  CHECK_THAT(error_of_images(folder.write("trailing.gz", joined(whole, {1, 2, 3}))),
             Catch::Contains("trailing.gz: expected the end of the file after its gzip stream, found 3 bytes more"));
}

TEST_CASE("load_idx_dataset: as many labels as images") {
  const Folder folder;
  const fs::path images = folder.write("images", image_file);
  const fs::path labels = folder.write("labels", {0, 0, 8, 1, 0, 0, 0, 2, 7, 0});
  CHECK(error_of([&] { tw::load_idx_dataset(images, labels, user_line); }) ==
        "[load_idx_dataset] " + labels.string() + ": expected 3 labels, one for each image of " + images.string() +
            ", found 2 at main.cpp:3");
}

TEST_CASE("load_mnist: finds plain and gzip files by name") {
  const Folder folder;
  folder.write("train-images-idx3-ubyte", image_file);
  folder.write("train-labels-idx1-ubyte.gz", gzip(label_file));
  folder.write("t10k-images-idx3-ubyte.gz", gzip(image_file));
  CHECK_THAT(error_of([&] { tw::load_mnist(folder.path, user_line); }),
             Catch::EndsWith("t10k-labels-idx1-ubyte.gz: expected an IDX file, found no such file at main.cpp:3"));
  folder.write("t10k-labels-idx1-ubyte", label_file);
  const tw::Mnist mnist = tw::load_mnist(folder.path);
  CHECK(mnist.train.size() == 3);
  CHECK(mnist.test.features() == 4);
}

TEST_CASE("load_mnist: the set in data/mnist") {
  const tw::Mnist mnist = tw::load_mnist("data/mnist");
  CHECK(mnist.train.size() == 60000);
  CHECK(mnist.test.size() == 10000);
  CHECK(mnist.train.features() == 784);
  const auto [images, labels] = mnist.train.first(5).all();
  CHECK(tw::identical(labels, tw::Tensor{5, 0, 4, 1, 9}));
  CHECK(images.at<float>({0, 152}) == 3.F / 255.F);
}
