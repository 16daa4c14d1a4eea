#pragma once
// The IDX file format for arrays of unsigned bytes, in which MNIST and its successors are published.

#include <cstdint>
#include <filesystem>
#include <vector>

#include <thalweg/error.hpp>

namespace thalweg {

/// The contents of an IDX file: dimensions and elements, row-major.
struct IdxArray {
  std::vector<std::int64_t> dimensions;
  std::vector<std::uint8_t> bytes;
};

/// Reads an IDX file of unsigned bytes with `rank` dimensions, plain or gzip-compressed.
/// IoError naming the file, what was expected and what was found, for a missing file, a wrong magic number, fewer or
/// more bytes than the dimensions require, a damaged gzip stream, or gzip in a build without zlib.
IdxArray read_idx(const std::filesystem::path& file, int rank, SourceLine line = SourceLine::here());

}  // namespace thalweg
