// What a plan does, in words and in numbers.

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/observer.hpp"
#include "src/plan/plan.hpp"
#include "src/tensor/place_text.hpp"

namespace thalweg::internal {

namespace {

void sort_unique(std::vector<std::int32_t>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

/// "matmul, add, relu at model.cpp:12 (affine1)": groups adjacent nodes of one line.
std::string describe_nodes(std::vector<std::int32_t> nodes, const Recorder& recorder) {
  sort_unique(nodes);
  std::string text, place, names;
  const auto flush = [&] {
    if (!names.empty()) text += fmt::format("{}{}{}", text.empty() ? "" : "; ", names, place);
    names.clear();
  };
  for (const std::int32_t id : nodes) {
    const std::string scope = recorder.scope_name(id);
    std::string here = at_place(recorder.user_line(id));
    if (!scope.empty()) here += fmt::format(" ({})", scope);
    if (recorder.info(id).origin >= 0) here += ", backward";
    if (here != place) flush();
    place = here;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", recorder.key(id).op->name);
  }
  flush();
  return text;
}

}  // namespace

std::vector<std::int32_t> Plan::reads(const Pass& pass) const {
  std::vector<std::int32_t> buffers;
  const auto take = [&](std::int32_t buffer) { buffers.push_back(buffer); };
  for_each_read(
      pass, [&](std::size_t sweep) { std::ranges::for_each(list(sweeps_[sweep].reads), take); }, take);
  sort_unique(buffers);
  return buffers;
}

std::vector<std::int32_t> Plan::writes(const Pass& pass) const {
  std::vector<std::int32_t> buffers;
  const auto take = [&](std::int32_t buffer) { buffers.push_back(buffer); };
  for_each_write(
      pass, [&](std::size_t sweep) { std::ranges::for_each(list(sweeps_[sweep].writes), take); }, take);
  sort_unique(buffers);
  return buffers;
}

std::vector<std::int32_t> Plan::nodes(const MatmulPass& pass) const {
  const std::span<const std::int32_t> joined = list(pass.joined_nodes);
  std::vector<std::int32_t> nodes(joined.begin(), joined.end());
  nodes.insert(nodes.end(), pass.nodes, pass.nodes + pass.node_count);
  return nodes;
}

std::size_t Plan::total_bytes(std::vector<std::int32_t> buffers) const {
  sort_unique(buffers);
  std::size_t sum = 0;
  for (const std::int32_t buffer : buffers) sum += buffers_[buffer].bytes;
  return sum;
}

void Plan::summarize(PlanSummary& summary) const {
  summary.matmuls += static_cast<std::int64_t>(matmuls_.size());
  summary.other_passes += static_cast<std::int64_t>(passes_.size() - matmuls_.size());
  summary.bytes_moved += counts_.bytes_moved;
  summary.arena_bytes = std::max(summary.arena_bytes, static_cast<std::int64_t>(arena_end));

  // A value is internal to the plan if it is in the arena and not kept for later requests.
  const auto is_within = [&](std::int32_t buffer) {
    while (buffers_[buffer].place == PlanBuffer::Place::alias) buffer = buffers_[buffer].base;
    const auto is_kept = [&](const KeptValue& value) { return value.buffer == buffer; };
    return buffers_[buffer].place == PlanBuffer::Place::arena && std::none_of(kept.begin(), kept.end(), is_kept);
  };
  std::vector<std::int32_t> inputs, outputs;
  const auto add_outer = [&](const std::vector<std::int32_t>& buffers, std::vector<std::int32_t>& to) {
    std::remove_copy_if(buffers.begin(), buffers.end(), std::back_inserter(to), is_within);
  };
  for (const Pass& pass : passes_) {
    // How much an opaque kernel must read of its inputs is unknown (a gather reads some of the rows).
    const bool is_opaque = pass.kind == Pass::Kind::opaque;
    summary.pass_bytes +=
        static_cast<std::int64_t>(is_opaque ? pass_bytes(pass) : total_bytes(reads(pass)) + total_bytes(writes(pass)));
    add_outer(reads(pass), inputs);
    add_outer(writes(pass), outputs);
  }
  // A buffer that one pass writes and a later one reads is already counted as an output.
  std::vector<std::int32_t> only_read;
  sort_unique(inputs);
  sort_unique(outputs);
  std::set_difference(inputs.begin(), inputs.end(), outputs.begin(), outputs.end(), std::back_inserter(only_read));
  summary.input_output_bytes += static_cast<std::int64_t>(total_bytes(only_read) + total_bytes(outputs));
}

std::string Plan::explain_pass(const Pass& pass, const Recorder& recorder) const {
  std::string text;
  switch (pass.kind) {
    case Pass::Kind::sweep: {
      const SweepPass& sweep = this->sweep(pass);
      const std::span<const std::int32_t> nodes = list(sweep.nodes);
      text = fmt::format("sweep {} × {}: {}", sweep.rows, sweep.columns,
                         describe_nodes({nodes.begin(), nodes.end()}, recorder));
      break;
    }
    case Pass::Kind::matmul: {
      const run::MatmulForm& m = matmul(pass).form;
      const std::int64_t count = batch_count(matmul(pass));
      text =
          fmt::format("{}matmul ({}, {}){} · ({}, {}){}{}{}: {}", count == 1 ? "" : fmt::format("{} × ", count), m.m,
                      m.k, m.transpose_a ? "ᵀ" : "", m.k, m.n, m.transpose_b ? "ᵀ" : "",
                      m.precision == Precision::medium ? " in bf16" : "",
                      matmul(pass).start >= 0 ? " added to a sum" : "", describe_nodes(nodes(matmul(pass)), recorder));
      break;
    }
    case Pass::Kind::copy:
      text = fmt::format("copy {}: {}", to_string(copy(pass).shape), describe_nodes({copy(pass).node}, recorder));
      break;
    case Pass::Kind::opaque:
      text = fmt::format("opaque {}: {}", to_string(opaque(pass).output_type.shape),
                         describe_nodes({opaque(pass).node}, recorder));
      break;
    case Pass::Kind::zero: text = "zeros: a gradient that nothing reaches"; break;
  }
  return fmt::format("{}; reads {} bytes, writes {}, moves {}", text, total_bytes(reads(pass)),
                     total_bytes(writes(pass)), pass_bytes(pass));
}

/// "20070400 operations, takes 171 µs (4.48 GB/s, 117 Gflop/s)": the time only if a Profiler has measured it.
std::string Plan::explain_work(std::size_t index, std::int64_t flops) const {
  std::string text = flops > 0 ? fmt::format(", {} operations", flops) : "";
  const double seconds = pass_observer == nullptr ? 0 : pass_observer->mean_seconds(*this, index);
  if (seconds > 0)
    text += fmt::format(", takes {:.3g} µs ({:.3g} GB/s, {:.3g} Gflop/s)", seconds * 1e6,
                        static_cast<double>(pass_bytes(passes_[index])) / seconds * 1e-9,
                        static_cast<double>(flops) / seconds * 1e-9);
  return text;
}

std::string Plan::explain(const Recorder& recorder) const {
  std::string text;
  std::int64_t all_flops = 0;
  const std::vector<PassSummary> summaries = this->pass_summaries();
  for (std::size_t i = 0; i < passes_.size(); ++i) {
    std::int64_t flops = 0;
    for (const std::int32_t id : summaries[i].nodes) flops += Plan::flops(recorder, id);
    all_flops += flops;
    const std::string reason = why_apart(i);
    text += fmt::format("  {}. {}{}{}{}\n", i + 1, explain_pass(passes_[i], recorder), explain_work(i, flops),
                        reason.empty() ? "" : "; apart: ", reason);
  }
  const std::string memory = explain_memory();
  if (!memory.empty()) text += fmt::format("  {}\n", memory);
  PlanSummary summary;
  summarize(summary);
  text += fmt::format(
      "  {} matmuls, {} other passes, {} operations, {} bytes moved (passes need {}, one single pass {}), arena {} "
      "bytes\n",
      summary.matmuls, summary.other_passes, all_flops, summary.bytes_moved, summary.pass_bytes,
      summary.input_output_bytes, summary.arena_bytes);
  return text;
}

}  // namespace thalweg::internal

namespace thalweg {

PlanSummary plan_summary(const Tape& tape) {
  PlanSummary summary;
  for (const internal::Segment* segment : tape.recorder().path())
    if (segment->plan) segment->plan->summarize(summary);
  return summary;
}

std::string explain_plan(const Tape& tape) {
  using namespace internal;
  const Recorder& recorder = tape.recorder();
  if (recorder.engine() == Engine::eager)
    return "eager: each node is computed as it is recorded, by a kernel of its own\n";
  std::string text;
  for (const Segment* segment : recorder.path()) {
    if (!segment->plan) continue;
    text += fmt::format("{}{}\n{}", recorder.key(segment->request).op->name, at_place(recorder.line(segment->request)),
                        segment->plan->explain(recorder));
  }
  return text;
}

}  // namespace thalweg
