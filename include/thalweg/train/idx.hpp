#pragma once
// Files in the IDX format: arrays of unsigned bytes, as MNIST and its successors are published.

#include <cstdint>
#include <filesystem>
#include <vector>

#include <thalweg/error.hpp>

namespace thalweg {

/// The content of an IDX file: its dimensions and its elements, row-major.
struct IdxArray {
  std::vector<std::int64_t> dimensions;
  std::vector<std::uint8_t> bytes;
};

/// Reads an IDX file of unsigned bytes with `rank` dimensions, plain or compressed by gzip.
/// IoError naming the file, what was expected and what was found: a missing file, a wrong magic number, less or more
/// bytes than the dimensions say, a damaged gzip stream, gzip in a build without zlib.
IdxArray read_idx(const std::filesystem::path& file, int rank, SourceLine line = SourceLine::here());

}  // namespace thalweg
