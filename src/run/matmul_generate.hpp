#pragma once
// JIT for small matrix products that run repeatedly.
//
// A product in the smallest nets takes 5 to 30 ns, most of it for deciding what to do: how many rows there are, their
// distance, whether to add something. With AVX-512, code is generated for a product's form (matmul_generator.hpp),
// where all of that is constant. It computes the kernels' sums in the same order, so the bits are the same.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "src/run/matmul.hpp"

namespace thalweg::run {

/// What the code depends on.
struct ProductForm : MatmulForm {
  bool has_start = false, has_bias = false;
  bool operator==(const ProductForm&) const = default;
};
inline ProductForm form_of(const Matmul& product) {
  return {product, product.start != nullptr, product.bias != nullptr};
}

/// Code for one form, which reads nothing but its MatmulMemory argument.
struct GeneratedProduct {
  PreparedMatmul::Run run = nullptr;  // null: no code for this form
  std::shared_ptr<const void> code;   // owns the memory of `run`
};

/// Products with more multiply-adds do not benefit.
inline constexpr std::int64_t most_generated_work = 64 * 1024;

/// The code for a form, generated once per thread. None if the SIMD target has no generator, the system does not permit
/// generated code, or the kernels are as fast.
GeneratedProduct generated_product(const ProductForm& form);
/// The code for a form if it has been generated already.
GeneratedProduct known_product(const ProductForm& form);

/// The number of forms for which this thread has code.
std::size_t generated_forms();

}  // namespace thalweg::run
