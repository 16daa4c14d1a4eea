#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

namespace thalweg::internal {

/// Writes TensorBoard event files: TFRecords of serialized Event messages (tensorflow/core/util/event.proto,
/// tensorflow/core/framework/summary.proto).
class EventFile {
 public:
  /// Creates the folder and a new file in it; IoError on failure.
  explicit EventFile(const std::filesystem::path& folder);

  void scalar(const std::string& tag, double value, std::int64_t step);
  struct Histogram {
    double minimum, maximum, count, sum, sum_of_squares;
    std::span<const double> limits;  // the last is the largest double
    std::span<const double> counts;
  };
  void histogram(const std::string& tag, const Histogram& histogram, std::int64_t step);

 private:
  void write(const std::string& event);

  std::filesystem::path file_;
  std::ofstream stream_;
};

/// CRC-32C (Castagnoli), as TFRecords require; zlib's has another polynomial.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace thalweg::internal
