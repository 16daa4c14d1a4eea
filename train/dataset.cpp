#include <thalweg/train/dataset.hpp>

#include <string>
#include <utility>

#include <fmt/format.h>

#include <thalweg/error.hpp>
#include <thalweg/train/idx.hpp>

#include "src/run/gather.hpp"

namespace thalweg {

struct Dataset::Samples {
  virtual ~Samples() = default;
  virtual Batch take(std::span<const std::int64_t> indices) const = 0;
  virtual Dataset select(std::span<const std::int64_t> indices) const = 0;
};

struct Dataset::Bytes : Samples {
  Bytes(std::vector<std::uint8_t> pixels, std::vector<std::uint8_t> classes, std::int64_t pixels_per_image)
      : images(std::move(pixels)), labels(std::move(classes)), features(pixels_per_image) {}

  Batch take(std::span<const std::int64_t> indices) const override {
    const auto count = static_cast<std::int64_t>(indices.size());
    Batch batch{Tensor::empty({count, features}, f32), Tensor::empty({count}, i64)};
    if (count == 0) return batch;
    constexpr float white = 255;
    run::gather_bytes({images.data(), static_cast<std::int64_t>(labels.size()), static_cast<std::size_t>(features)},
                      indices, white, batch.images.mutable_data<float>().data());
    std::int64_t* label = batch.labels.mutable_data<std::int64_t>().data();
    for (const std::int64_t index : indices) *label++ = labels[index];
    return batch;
  }

  Dataset select(std::span<const std::int64_t> indices) const override {
    std::vector<std::uint8_t> pixels, classes;
    pixels.reserve(indices.size() * static_cast<std::size_t>(features));
    classes.reserve(indices.size());
    for (const std::int64_t index : indices) {
      const auto image = images.begin() + index * features;
      pixels.insert(pixels.end(), image, image + features);
      classes.push_back(labels[index]);
    }
    return {std::move(pixels), std::move(classes), features};
  }

  std::vector<std::uint8_t> images, labels;
  std::int64_t features;
};

namespace {

Tensor rows_of(const Tensor& tensor, std::span<const std::int64_t> indices) {
  std::vector<std::int64_t> dimensions(tensor.shape().begin(), tensor.shape().end());
  const std::int64_t rows = dimensions[0];
  dimensions[0] = static_cast<std::int64_t>(indices.size());
  Tensor result = Tensor::empty(Shape(std::span<const std::int64_t>(dimensions)), tensor.dtype());
  if (result.size() == 0) return result;
  run::gather_rows({tensor.raw(), rows, tensor.bytes() / static_cast<std::size_t>(rows)}, indices,
                   result.mutable_raw());
  return result;
}

}  // namespace

struct Dataset::Rows : Samples {
  Rows(Tensor image_rows, Tensor label_rows) : images(std::move(image_rows)), labels(std::move(label_rows)) {}

  Batch take(std::span<const std::int64_t> indices) const override {
    return {rows_of(images, indices), rows_of(labels, indices)};
  }
  Dataset select(std::span<const std::int64_t> indices) const override {
    return {rows_of(images, indices), rows_of(labels, indices)};
  }

  Tensor images, labels;
};

Dataset::Dataset(std::vector<std::uint8_t> images, std::vector<std::uint8_t> labels, std::int64_t features,
                 SourceLine line)
    : size_(static_cast<std::int64_t>(labels.size())), features_(features) {
  if (features < 1 || images.size() != labels.size() * static_cast<std::size_t>(features)) {
    throw ShapeError(error_text(
        "Dataset",
        fmt::format("{} bytes of images are not {} samples of {} features", images.size(), labels.size(), features),
        line));
  }
  samples_ = std::make_shared<const Bytes>(std::move(images), std::move(labels), features);
}

Dataset::Dataset(const Tensor& images, const Tensor& labels, SourceLine line) {
  if (images.rank() == 0 || labels.rank() == 0 || images.shape()[0] != labels.shape()[0])
    throw ShapeError(error_text("Dataset",
                                fmt::format("inputs {} and targets {} differ in their number of rows",
                                            to_string(images.shape()), to_string(labels.shape())),
                                line));
  size_ = images.shape()[0];
  features_ = 1;
  for (int axis = 1; axis < images.rank(); ++axis) features_ *= images.shape()[axis];
  samples_ = std::make_shared<const Rows>(images, labels);
}

void Dataset::check_indices(const char* op, std::span<const std::int64_t> indices, SourceLine line) const {
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= size_)
      throw IndexError(error_text(op, fmt::format("sample {} is out of range for {} samples", index, size_), line));
  }
}

Batch Dataset::take(std::span<const std::int64_t> indices, SourceLine line) const {
  check_indices("take", indices, line);
  return samples_ ? samples_->take(indices) : Batch{};
}

Batch Dataset::all() const { return take(Tensor::arange(size_).data<std::int64_t>()); }

Dataset Dataset::first(std::int64_t count, SourceLine line) const {
  if (count < 0 || count > size_)
    throw IndexError(error_text("first", fmt::format("{} samples of {}", count, size_), line));
  Dataset result = *this;
  result.size_ = count;
  return result;
}

Dataset Dataset::select(std::span<const std::int64_t> indices, SourceLine line) const {
  check_indices("select", indices, line);
  return samples_ ? samples_->select(indices) : Dataset();
}

Dataset load_idx_dataset(const std::filesystem::path& images, const std::filesystem::path& labels, SourceLine line) {
  IdxArray pixels = read_idx(images, 3, line);
  IdxArray classes = read_idx(labels, 1, line);
  if (pixels.dimensions[0] != classes.dimensions[0]) {
    throw IoError(error_text("load_idx_dataset",
                             fmt::format("{}: expected {} labels, one for each image of {}, found {}", labels.string(),
                                         pixels.dimensions[0], images.string(), classes.dimensions[0]),
                             line));
  }
  return Dataset(std::move(pixels.bytes), std::move(classes.bytes), pixels.dimensions[1] * pixels.dimensions[2]);
}

Mnist load_mnist(const std::filesystem::path& folder, SourceLine line) {
  const auto file = [&](const std::string& name) {
    const std::filesystem::path plain = folder / name;
    return std::filesystem::exists(plain) ? plain : folder / (name + ".gz");
  };
  const auto load = [&](const std::string& part) {
    return load_idx_dataset(file(part + "-images-idx3-ubyte"), file(part + "-labels-idx1-ubyte"), line);
  };
  return {load("train"), load("t10k")};
}

}  // namespace thalweg
