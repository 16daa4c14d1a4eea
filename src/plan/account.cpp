// What explain_plan says beyond the passes: why a pass is separate, and the peak of memory with what holds it.

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "src/plan/plan.hpp"

namespace thalweg::internal {

namespace {

/// The lifetime of an arena buffer: from the pass that writes it to the last one that reads it.
struct Lifetime {
  std::size_t begin, end;
  std::size_t bytes;
};

}  // namespace

/// Why pass `index` is separate from the pass whose results it reads; empty if it reads none of this plan.
std::string Plan::why_apart(std::size_t index) const {
  const Pass& pass = passes_[index];
  if (pass.kind != Pass::Kind::sweep) return "";
  std::vector<std::int32_t> read;
  for (const std::int32_t buffer : reads(pass)) read.push_back(buffer_view(buffer).root);
  for (std::size_t earlier = index; earlier-- > 0;) {
    const std::vector<std::int32_t> written = writes(passes_[earlier]);
    const bool feeds = std::any_of(written.begin(), written.end(), [&](std::int32_t buffer) {
      return std::find(read.begin(), read.end(), buffer_view(buffer).root) != read.end();
    });
    if (!feeds) continue;
    const Pass& maker = passes_[earlier];
    if (maker.kind == Pass::Kind::matmul) return fmt::format("reads all of a product (pass {})", earlier + 1);
    if (maker.kind != Pass::Kind::sweep) return fmt::format("reads what pass {} makes as a whole", earlier + 1);
    const SweepPass &from = sweep(maker), &own = sweep(pass);
    if (from.rows == own.rows && from.columns == own.columns)
      return fmt::format("needs a result of pass {} that is there at its end only", earlier + 1);
    return fmt::format("goes over {} × {}, pass {} over {} × {}", own.rows, own.columns, earlier + 1, from.rows,
                       from.columns);
  }
  return "";
}

/// "at most 5,120 bytes are held, in pass 4: 2,048 of pass 1, …"
std::string Plan::explain_memory() const {
  std::map<std::int32_t, Lifetime> lifetimes;  // by arena buffer
  const auto is_kept = [&](std::int32_t root) {
    return std::any_of(kept.begin(), kept.end(),
                       [&](const KeptValue& value) { return buffer_view(value.buffer).root == root; });
  };
  for (std::size_t i = 0; i < passes_.size(); ++i) {
    std::vector<std::int32_t> made = writes(passes_[i]);
    if (const std::int32_t workspace = workspace_of(passes_[i]); workspace >= 0) made.push_back(workspace);
    for (const std::int32_t buffer : made) {
      const BufferView view = buffer_view(buffer);
      if (view.is_arena && view.offset >= arena_begin)
        lifetimes.try_emplace(view.root, Lifetime{i, is_kept(view.root) ? passes_.size() : i, view.bytes});
    }
    for (const std::int32_t buffer : reads(passes_[i]))
      if (const auto at = lifetimes.find(buffer_view(buffer).root); at != lifetimes.end())
        at->second.end = std::max(at->second.end, i);
  }
  std::size_t peak = 0, peak_pass = 0;
  for (std::size_t i = 0; i < passes_.size(); ++i) {
    std::size_t held = 0;
    for (const auto& [root, life] : lifetimes)
      if (life.begin <= i && i <= life.end) held += life.bytes;
    if (held > peak) peak = held, peak_pass = i;
  }
  if (peak == 0) return "";
  std::vector<Lifetime> holders;
  for (const auto& [root, life] : lifetimes)
    if (life.begin <= peak_pass && peak_pass <= life.end) holders.push_back(life);
  std::sort(holders.begin(), holders.end(), [](const Lifetime& a, const Lifetime& b) { return a.bytes > b.bytes; });
  constexpr std::size_t named = 5;
  std::string text = fmt::format("at most {} bytes are held at once, in pass {}:", peak, peak_pass + 1);
  for (std::size_t i = 0; i < std::min(named, holders.size()); ++i)
    text += fmt::format("{} {} made by pass {}", i == 0 ? "" : ",", holders[i].bytes, holders[i].begin + 1);
  if (holders.size() > named) text += fmt::format(", and {} smaller", holders.size() - named);
  return text;
}

}  // namespace thalweg::internal
