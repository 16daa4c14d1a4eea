#pragma once
// Labeled samples in memory.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include <thalweg/tensor.hpp>

namespace thalweg {

/// Some samples of a data set: one row of `images` and one of `labels` per sample. From byte images: f32 in [0, 1] of
/// shape (count, features), and i64 of shape (count,).
struct Batch {
  Tensor images;
  Tensor labels;
};

/// Labeled samples. Copies of a Dataset share them; taking a batch copies rows.
class Dataset {
 public:
  Dataset() = default;
  /// Images of one byte per pixel, stored as bytes, with one label each: labels.size() rows of `features`. ShapeError
  /// if the number of bytes does not match, or features < 1.
  Dataset(std::vector<std::uint8_t> images, std::vector<std::uint8_t> labels, std::int64_t features,
          SourceLine line = SourceLine::here());
  /// Samples of any shape and dtype, such as inputs and targets of a regression: row i along the first axis of `images`
  /// goes with row i of `labels`. ShapeError if either is 0-d, or the two have different numbers of rows.
  Dataset(const Tensor& images, const Tensor& labels, SourceLine line = SourceLine::here());

  std::int64_t size() const { return size_; }
  /// Elements per row of images.
  std::int64_t features() const { return features_; }

  /// The samples at `indices`, in that order; bytes are divided by 255. IndexError for an index outside [0, size).
  Batch take(std::span<const std::int64_t> indices, SourceLine line = SourceLine::here()) const;
  /// All samples.
  Batch all() const;
  /// The first `count` samples, not copied. IndexError if there are fewer.
  Dataset first(std::int64_t count, SourceLine line = SourceLine::here()) const;
  /// A data set with copies of the samples at `indices`, in that order. IndexError as for `take`.
  Dataset select(std::span<const std::int64_t> indices, SourceLine line = SourceLine::here()) const;

 private:
  struct Samples;
  struct Bytes;
  struct Rows;
  void check_indices(const char* op, std::span<const std::int64_t> indices, SourceLine line) const;

  std::shared_ptr<const Samples> samples_;
  std::int64_t size_ = 0;
  std::int64_t features_ = 0;
};

/// Loads a data set from an image file and a label file (IDX, plain or gzip). IoError as for `read_idx`, and if the two
/// files have different numbers of samples.
Dataset load_idx_dataset(const std::filesystem::path& images, const std::filesystem::path& labels,
                         SourceLine line = SourceLine::here());

struct Mnist {
  Dataset train, test;
};

/// Loads MNIST, or a successor in the same format, from a folder with {train,t10k}-images-idx3-ubyte and
/// {train,t10k}-labels-idx1-ubyte, each with or without ".gz". IoError as for `load_idx_dataset`.
Mnist load_mnist(const std::filesystem::path& folder, SourceLine line = SourceLine::here());

}  // namespace thalweg
