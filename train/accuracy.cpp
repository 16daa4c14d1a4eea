#include <thalweg/train/accuracy.hpp>

#include <cmath>
#include <limits>

#include <fmt/format.h>

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
double accuracy_of(const Tensor& logits, const Tensor& labels) {
  const std::span<const std::int64_t> label = labels.data<std::int64_t>();
  const auto classes = static_cast<std::size_t>(logits.shape()[1]);
  std::size_t right = 0;
  for (std::size_t row = 0; row < label.size(); ++row)
    right += index_of_largest(logits.data<T>().subspan(row * classes, classes)) == label[row] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(label.size());
}

}  // namespace

double accuracy(const Tensor& logits, const Tensor& labels, SourceLine line) {
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
  if (labels.size() == 0) return std::numeric_limits<double>::quiet_NaN();
  return logits.dtype() == f32 ? accuracy_of<float>(logits, labels) : accuracy_of<double>(logits, labels);
}

}  // namespace thalweg
