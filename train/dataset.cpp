#include <thalweg/train/dataset.hpp>

#include <string>
#include <utility>

#include <fmt/format.h>

#include <thalweg/error.hpp>
#include <thalweg/train/idx.hpp>

#include "src/run/gather.hpp"

namespace thalweg {

Dataset::Dataset(std::vector<std::uint8_t> images, std::vector<std::uint8_t> labels, std::int64_t features)
    : size_(static_cast<std::int64_t>(labels.size())), features_(features) {
  if (features < 1 || images.size() != labels.size() * static_cast<std::size_t>(features)) {
    throw ShapeError(error_text("Dataset", fmt::format("{} bytes of images are not {} samples of {} features",
                                                       images.size(), labels.size(), features)));
  }
  samples_ = std::make_shared<const Samples>(Samples{std::move(images), std::move(labels)});
}

void Dataset::check_indices(const char* op, std::span<const std::int64_t> indices) const {
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= size_)
      throw IndexError(error_text(op, fmt::format("sample {} is out of range for {} samples", index, size_)));
  }
}

Batch Dataset::take(std::span<const std::int64_t> indices) const {
  check_indices("take", indices);
  const auto count = static_cast<std::int64_t>(indices.size());
  Batch batch{Tensor::empty({count, features_}, f32), Tensor::empty({count}, i64)};
  if (count == 0) return batch;
  constexpr float white = 255;
  run::gather_bytes({samples_->images.data(), size_, static_cast<std::size_t>(features_)}, indices, white,
                    batch.images.mutable_data<float>().data());
  std::int64_t* label = batch.labels.mutable_data<std::int64_t>().data();
  for (const std::int64_t index : indices) *label++ = samples_->labels[static_cast<std::size_t>(index)];
  return batch;
}

Batch Dataset::all() const { return take(Tensor::arange(size_).data<std::int64_t>()); }

Dataset Dataset::first(std::int64_t count) const {
  if (count < 0 || count > size_) throw IndexError(error_text("first", fmt::format("{} samples of {}", count, size_)));
  Dataset result = *this;
  result.size_ = count;
  return result;
}

Dataset Dataset::select(std::span<const std::int64_t> indices) const {
  check_indices("select", indices);
  std::vector<std::uint8_t> images, labels;
  images.reserve(indices.size() * static_cast<std::size_t>(features_));
  labels.reserve(indices.size());
  for (const std::int64_t index : indices) {
    const auto image = samples_->images.begin() + index * features_;
    images.insert(images.end(), image, image + features_);
    labels.push_back(samples_->labels[static_cast<std::size_t>(index)]);
  }
  return Dataset(std::move(images), std::move(labels), features_);
}

Dataset load_idx_dataset(const std::filesystem::path& images, const std::filesystem::path& labels) {
  IdxArray pixels = read_idx(images, 3);
  IdxArray classes = read_idx(labels, 1);
  if (pixels.dimensions[0] != classes.dimensions[0]) {
    throw IoError(error_text("load_idx_dataset",
                             fmt::format("{}: expected {} labels, one for each image of {}, found {}", labels.string(),
                                         pixels.dimensions[0], images.string(), classes.dimensions[0])));
  }
  return Dataset(std::move(pixels.bytes), std::move(classes.bytes), pixels.dimensions[1] * pixels.dimensions[2]);
}

Mnist load_mnist(const std::filesystem::path& folder) {
  const auto file = [&](const std::string& name) {
    const std::filesystem::path plain = folder / name;
    return std::filesystem::exists(plain) ? plain : folder / (name + ".gz");
  };
  const auto load = [&](const std::string& part) {
    return load_idx_dataset(file(part + "-images-idx3-ubyte"), file(part + "-labels-idx1-ubyte"));
  };
  return {load("train"), load("t10k")};
}

}  // namespace thalweg
