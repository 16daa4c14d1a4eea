#pragma once
// Elementwise functions made up for the tests of the vector machine.

#include <thalweg/element_kernel.hpp>

namespace thalweg::testing {

extern const ElementKernel& add_kernel;
extern const ElementKernel& subtract_kernel;
extern const ElementKernel& multiply_kernel;
extern const ElementKernel& divide_kernel;
extern const ElementKernel& less_kernel;
extern const ElementKernel& where_kernel;
extern const ElementKernel& negate_kernel;
extern const ElementKernel& root_kernel;
extern const ElementKernel& absolute_kernel;
extern const ElementKernel& square_kernel;
extern const ElementKernel& sign_kernel;
extern const ElementKernel& chain_kernel;
extern const ElementKernel& equal_kernel;
extern const ElementKernel& maximum_kernel;
extern const ElementKernel& minimum_kernel;
/// (1 + x/4096)^4096, by twelve squarings: as dear as an exponential.
extern const ElementKernel& power_kernel;

}  // namespace thalweg::testing
