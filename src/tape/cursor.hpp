#pragma once
// The cursor: where a recording stands in the known segment that it is predicted to repeat.

#include "src/tape/segment.hpp"

namespace thalweg::internal {

class Cursor {
 public:
  /// The segment that is predicted; null: the open segment is new.
  Segment* segment() const { return segment_; }
  /// The next key of the prediction. Without one, or at its end, it equals no other, so that recording needs no other check.
  const Key* key() const { return key_; }
  /// The next composition of the prediction that begins at node `id` or later.
  const Composed& composed_from(std::int32_t id) {
    while (composed_->begin < id) ++composed_;
    return *composed_;
  }
  void move_to(const Key* key) { key_ = key; }
  void advance(std::int32_t keys = 1) { key_ += keys; }
  /// Predicts `segment`, and stands at its beginning.
  void predict(Segment* segment) {
    segment_ = segment;
    if (segment == nullptr) [[unlikely]]
      return expect_nothing();
    key_ = segment->keys.data();
    composed_ = segment->first_composed;
  }
  void predict_nothing() {
    segment_ = nullptr;
    expect_nothing();
  }

 private:
  void expect_nothing() {
    key_ = &no_key;
    composed_ = &no_composed;
  }

  const Key* key_ = &no_key;
  const Composed* composed_ = &no_composed;
  Segment* segment_ = nullptr;
};

}  // namespace thalweg::internal
