#pragma once
#include <thalweg/op.hpp>
#include <thalweg/ops/convolution.hpp>

namespace thalweg {

enum class Interpolation : std::uint8_t {
  nearest,   // the element at ⌊i·from/to⌋; each dtype
  bilinear,  // between the two nearest rows and columns; f32 and f64
};

struct ResizeOptions {
  Interpolation interpolation = Interpolation::nearest;
  /// For bilinear: position i is at i·(from − 1)/(to − 1), so that the first and last positions are those of x; otherwise
  /// at (i + ½)·from/to − ½, so that the edges of the image are.
  bool align_corners = false;
};

/// Images (n, channels, height, width) in another size, as PyTorch's `interpolate`: bilinear interpolation does not
/// average when it shrinks, and repeats the elements at the edge. d/dx: the gradient at each position, added to the
/// elements it was made from with their weights.
/// ShapeError for another rank, or an image without elements; ValueError for a size below 1; DtypeError for i64 and bool
/// if bilinear.
Var resize2d(const Operand& x, const HeightWidth& size, const ResizeOptions& options = {});
/// The same with `factor` times the height and width.
Var upsample2d(const Operand& x, const HeightWidth& factor, const ResizeOptions& options = {});

}  // namespace thalweg
