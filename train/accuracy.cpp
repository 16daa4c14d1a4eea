#include <thalweg/train/accuracy.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include <thalweg/compute.hpp>
#include <thalweg/error.hpp>

namespace thalweg {

namespace {

template <class T>
std::int64_t index_of_largest(std::span<const T> row) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < row.size() && !std::isnan(row[best]); ++i)
    if (row[i] > row[best] || std::isnan(row[i])) best = i;
  return static_cast<std::int64_t>(best);
}

template <class T>
std::size_t count_right(const Tensor& logits, const Tensor& labels) {
  const std::span<const std::int64_t> label = labels.data<std::int64_t>();
  const auto classes = static_cast<std::size_t>(logits.shape()[1]);
  std::size_t right = 0;
  for (std::size_t row = 0; row < label.size(); ++row)
    right += index_of_largest(logits.data<T>().subspan(row * classes, classes)) == label[row] ? 1 : 0;
  return right;
}

/// The number of rows of `logits` whose prediction is correct; throws as `accuracy` does.
std::size_t checked_count(const Tensor& logits, const Tensor& labels, SourceLine line) {
  if (logits.rank() != 2 || labels.rank() != 1 || logits.shape()[0] != labels.shape()[0] || logits.shape()[1] == 0) {
    throw ShapeError(error_text("accuracy",
                                fmt::format("expected logits (count, classes) and labels (count,), got {} and {}",
                                            to_string(logits.shape()), to_string(labels.shape())),
                                line));
  }
  if (!is_floating(logits.dtype()) || labels.dtype() != i64) {
    throw DtypeError(error_text("accuracy",
                                fmt::format("expected f32 or f64 logits and i64 labels, got {} and {}",
                                            name(logits.dtype()), name(labels.dtype())),
                                line));
  }
  return logits.dtype() == f32 ? count_right<float>(logits, labels) : count_right<double>(logits, labels);
}

/// Without rows 0/0, that is NaN.
double share(std::size_t right, std::int64_t count) { return static_cast<double>(right) / static_cast<double>(count); }

/// Some rows of a tensor, without copying.
template <class T>
Tensor rows(const Tensor& tensor, std::int64_t begin, std::int64_t count) {
  const std::int64_t width = tensor.size() / std::max<std::int64_t>(tensor.shape()[0], 1);
  const auto owner = std::make_shared<Tensor>(tensor);
  auto* data = const_cast<T*>(tensor.data<T>().data()) + begin * width;  // never written, since the buffer is shared
  return tensor.rank() == 1 ? Tensor::borrow(data, {count}, owner) : Tensor::borrow(data, {count, width}, owner);
}

}  // namespace

double accuracy(const Tensor& logits, const Tensor& labels, SourceLine line) {
  return share(checked_count(logits, labels, line), labels.size());
}

double internal::accuracy_of(const std::function<Var(const Tensor&)>& model, const Batch& samples, SourceLine line) {
  constexpr std::int64_t most = 1000;  // rows at a time, so that the results of layers stay in the cache
  const std::int64_t count = samples.labels.size();
  std::size_t right = 0;
  for (std::int64_t begin = 0; begin < count; begin += most) {
    const std::int64_t size = std::min(most, count - begin);
    const Tensor images = rows<float>(samples.images, begin, size);
    const Tensor logits = thalweg::compute([&] { return model(images); });
    right += checked_count(logits, rows<std::int64_t>(samples.labels, begin, size), line);
  }
  return share(right, count);
}

}  // namespace thalweg
