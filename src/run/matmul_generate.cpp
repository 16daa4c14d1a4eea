#include "src/run/matmul_generate.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "src/run/code_target.hpp"

#if THALWEG_GENERATES_CODE
#include "src/run/executable_code.hpp"
#include "src/run/matmul_generator.hpp"
#endif

namespace thalweg::run {

#if THALWEG_GENERATES_CODE

namespace {

/// The cache is cleared beyond this many forms. Plans keep the code that they use.
constexpr std::size_t most_forms = 256;

struct FormHash {
  std::size_t operator()(const ProductForm& form) const {
    std::uint64_t hash = 0;
    const auto add = [&](std::uint64_t word) { hash = std::rotl(hash ^ word, 23) * 0x9E3779B97F4A7C15u; };
    for (const std::int64_t size : {form.m, form.n, form.k, form.lda, form.ldb, form.ldc})
      add(static_cast<std::uint64_t>(size));
    add(static_cast<std::uint64_t>(form.activation) << 4 | std::uint64_t{form.transpose_a} << 3 |
        std::uint64_t{form.transpose_b} << 2 | std::uint64_t{form.has_start} << 1 | std::uint64_t{form.has_bias});
    return hash ^ hash >> 32;
  }
};
thread_local std::unordered_map<ProductForm, GeneratedProduct, FormHash> known_forms;

GeneratedProduct generate(const ProductForm& form) {
  try {
    Xbyak::CodeGenerator& draft = code_draft();
    ProductGenerator(draft, form).write();
    draft.ready();
    std::shared_ptr<const std::uint8_t> code = executable_code({draft.getCode(), draft.getSize()});
    const auto run = reinterpret_cast<PreparedMatmul::Run>(const_cast<std::uint8_t*>(code.get()));
    return {run, std::move(code)};
  } catch (const Xbyak::Error& error) {
    if (!is_limit(error)) throw;
    return {};
  }
}

}  // namespace

GeneratedProduct generated_product(const ProductForm& form) {
  if (!generates_products() || !ProductGenerator::writes(form)) return {};
  if (const auto at = known_forms.find(form); at != known_forms.end()) return at->second;
  if (known_forms.size() == most_forms) known_forms.clear();
  return known_forms.emplace(form, generate(form)).first->second;
}

GeneratedProduct known_product(const ProductForm& form) {
  if (known_forms.empty() || !generates_products()) return {};
  const auto at = known_forms.find(form);
  return at == known_forms.end() ? GeneratedProduct() : at->second;
}

std::size_t generated_forms() { return known_forms.size(); }

#else

GeneratedProduct generated_product(const ProductForm&) { return {}; }
GeneratedProduct known_product(const ProductForm&) { return {}; }
std::size_t generated_forms() { return 0; }

#endif

}  // namespace thalweg::run
