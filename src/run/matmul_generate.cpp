#include "src/run/matmul_generate.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE
#include "src/run/executable_code.hpp"
#include "src/run/matmul_generator.hpp"
#endif

namespace thalweg::run {

#if THALWEG_GENERATES_CODE

namespace {

/// Beyond this many forms all are forgotten; who runs one keeps its code.
constexpr std::size_t most_forms = 256;

struct Known {
  ProductForm form;
  GeneratedProduct product;
};
thread_local std::vector<Known> known_forms;

GeneratedProduct generate(const ProductForm& form) {
  try {
    Xbyak::CodeGenerator& draft = code_draft();
    ProductGenerator(draft, form).write();
    draft.ready();
    std::shared_ptr<const std::uint8_t> code = executable_code({draft.getCode(), draft.getSize()});
    const auto run = reinterpret_cast<PreparedMatmul::Run>(const_cast<std::uint8_t*>(code.get()));
    return {run, std::move(code)};
  } catch (const Xbyak::Error&) {  // no memory that may be executed
    return {};
  }
}

}  // namespace

GeneratedProduct generated_product(const MatmulForm& of, const MatmulMemory& memory) {
  const ProductForm form{of, memory.start != nullptr, memory.bias != nullptr};
  if (!generates_code() || !ProductGenerator::writes(form)) return {};
  const auto at =
      std::find_if(known_forms.begin(), known_forms.end(), [&](const Known& known) { return known.form == form; });
  if (at != known_forms.end()) return at->product;
  if (known_forms.size() == most_forms) known_forms.clear();
  known_forms.push_back({form, generate(form)});
  return known_forms.back().product;
}

std::size_t generated_forms() { return known_forms.size(); }

#else

GeneratedProduct generated_product(const MatmulForm&, const MatmulMemory&) { return {}; }
std::size_t generated_forms() { return 0; }

#endif

}  // namespace thalweg::run
