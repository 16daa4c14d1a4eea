#pragma once
// Labelled samples in memory.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include <thalweg/tensor.hpp>

namespace thalweg {

/// Some samples of a data set: images f32 in [0, 1] of shape (count, features), labels i64 of shape (count,).
struct Batch {
  Tensor images;
  Tensor labels;
};

/// Images of one byte per pixel with a label each. They stay bytes, shared by all copies, until a batch is taken.
class Dataset {
 public:
  Dataset() = default;
  /// `images` holds labels.size() rows of `features` bytes. ShapeError where it does not, or features < 1.
  Dataset(std::vector<std::uint8_t> images, std::vector<std::uint8_t> labels, std::int64_t features);

  std::int64_t size() const { return size_; }
  std::int64_t features() const { return features_; }

  /// The samples at `indices`, in that order; pixels are divided by 255. IndexError for an index outside [0, size).
  Batch take(std::span<const std::int64_t> indices) const;
  /// All samples.
  Batch all() const;
  /// The first `count` samples, not copied. IndexError where there are fewer.
  Dataset first(std::int64_t count) const;
  /// A data set of copies of the samples at `indices`, in that order. IndexError as `take`.
  Dataset select(std::span<const std::int64_t> indices) const;

 private:
  struct Samples {
    std::vector<std::uint8_t> images, labels;
  };
  void check_indices(const char* op, std::span<const std::int64_t> indices) const;

  std::shared_ptr<const Samples> samples_;
  std::int64_t size_ = 0;
  std::int64_t features_ = 0;
};

/// A data set of an image file and a label file (IDX, plain or gzip). IoError as `read_idx`, and where the two files
/// hold different numbers of samples.
Dataset load_idx_dataset(const std::filesystem::path& images, const std::filesystem::path& labels);

struct Mnist {
  Dataset train, test;
};

/// MNIST, or a successor in the same form, from a folder that holds {train,t10k}-images-idx3-ubyte and
/// {train,t10k}-labels-idx1-ubyte, each with or without ".gz". IoError as `load_idx_dataset`.
Mnist load_mnist(const std::filesystem::path& folder);

}  // namespace thalweg
