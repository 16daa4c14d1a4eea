#pragma once
// Machine code for small matrix products that run again and again.
//
// Of the 5 to 30 ns that a product of the tiniest nets takes, most go to finding out what it is: how many rows there are,
// how far apart, whether something is added. Where there are AVX-512's registers, code is written for a product's form
// (matmul_generator.hpp), in which all of that is known: the sums of the kernels in their order, so their bits.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "src/run/matmul.hpp"

namespace thalweg::run {

/// What code is written for.
struct ProductForm : MatmulForm {
  bool has_start = false, has_bias = false;
  bool operator==(const ProductForm&) const = default;
};
inline ProductForm form_of(const Matmul& product) {
  return {product, product.start != nullptr, product.bias != nullptr};
}

/// A kernel for one form, that reads nothing but the MatmulMemory it is given.
struct GeneratedProduct {
  PreparedMatmul::Run run = nullptr;  // null: none is made for this form
  std::shared_ptr<const void> code;   // that `run` is part of
};

/// Products of more multiply-adds gain nothing.
inline constexpr std::int64_t most_generated_work = 64 * 1024;

/// The code for such products, made once per thread and form. None if the SIMD target has no generator, the system
/// allows no generated code, or the kernels do as well.
GeneratedProduct generated_product(const ProductForm& form);
/// What there is already.
GeneratedProduct known_product(const ProductForm& form);

/// How many forms this thread has code for.
std::size_t generated_forms();

}  // namespace thalweg::run
