#include <thalweg/tape_graph.hpp>

#include <algorithm>
#include <bit>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <thalweg/precision.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/plan.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

using internal::Key;
using internal::Recorder;

TapeGraph::TapeGraph(Recorder& recorder) : recorder_(&recorder), serial_(recorder.serial()), size_(recorder.size()) {
  first_use_.assign(static_cast<std::size_t>(size_) + 1, 0);
  for (std::int32_t id = 0; id < size_; ++id)
    for (const std::int32_t input : inputs(id)) ++first_use_[static_cast<std::size_t>(input) + 1];
  for (std::size_t i = 1; i < first_use_.size(); ++i) first_use_[i] += first_use_[i - 1];
  edges_.resize(static_cast<std::size_t>(first_use_.back()));
  std::vector<std::int32_t> next(first_use_.begin(), first_use_.end() - 1);
  for (std::int32_t id = 0; id < size_; ++id) {
    std::int32_t number = 0;
    for (const std::int32_t input : inputs(id)) edges_[next[static_cast<std::size_t>(input)]++] = {input, id, number++};
  }
}

Recorder& TapeGraph::recorder() const {
  if (recorder_->serial() != serial_)
    throw TapeError(error_text("TapeGraph", "its tape has ended or was cleared; make a new one of a living tape"));
  return *recorder_;
}

void TapeGraph::check(std::int32_t id) const {
  if (id < 0 || id >= size_)
    throw IndexError(error_text("TapeGraph", fmt::format("there is no node {}; the view has {} nodes", id, size_)));
}

std::span<const TapeEdge> TapeGraph::uses(std::int32_t id) const {
  check(id);
  const auto first = static_cast<std::size_t>(first_use_[id]);
  return std::span(edges_).subspan(first,
                                   static_cast<std::size_t>(first_use_[static_cast<std::size_t>(id) + 1]) - first);
}

std::span<const std::int32_t> TapeGraph::inputs(std::int32_t id) const {
  check(id);
  const Key& key = recorder().key(id);
  if (!is_request(id) || key.count > 0) return recorder().inputs(key);
  // The key of a request has what it asks for and a seed as inputs, although it is not computed from them.
  const std::ptrdiff_t count = std::find(std::begin(key.inputs), std::end(key.inputs), -1) - std::begin(key.inputs);
  return {key.inputs, static_cast<std::size_t>(count)};
}

const Op& TapeGraph::op(std::int32_t id) const {
  check(id);
  return *recorder().key(id).op;
}

const Shape& TapeGraph::shape(std::int32_t id) const {
  check(id);
  static const Shape scalar;
  const Shape* const shape = recorder().info(id).shape;
  return shape ? *shape : scalar;
}

DType TapeGraph::dtype(std::int32_t id) const {
  check(id);
  return recorder().info(id).dtype;
}

bool TapeGraph::is_request(std::int32_t id) const {
  const Op& op = this->op(id);
  return op.kind == Kind::effect && &op != &internal::assign_op;
}

bool TapeGraph::is_backward(std::int32_t id) const {
  check(id);
  return recorder().info(id).origin >= 0;
}

std::int64_t TapeGraph::bytes(std::int32_t id) const {
  if (is_request(id)) return 0;
  return shape(id).size() * static_cast<std::int64_t>(size_of(dtype(id)));
}

std::int64_t TapeGraph::flops(std::int32_t id) const {
  check(id);
  return internal::Plan::flops(recorder(), id);
}

std::string TapeGraph::scope(std::int32_t id) const {
  check(id);
  return recorder().scope_name(id);
}

SourceLine TapeGraph::line(std::int32_t id) const {
  check(id);
  return recorder().user_line(id);
}

std::string TapeGraph::parameter_name(std::int32_t id) const {
  const Op& op = this->op(id);
  const bool names_parameter = &op == &internal::parameter_op || &op == &internal::assign_op;
  if (!names_parameter && &op != &internal::registry_buffer_op) return "";
  const internal::RegistryAddress address = internal::unpack(recorder().key(id).attribute);
  const internal::RegistryCore& core = *recorder().slot(id).registry;
  switch (address.space) {
    case internal::RegistrySpace::parameter: return core.entries[static_cast<std::size_t>(address.index)].name;
    case internal::RegistrySpace::values: return "parameters";
    case internal::RegistrySpace::gradients: return "gradients";
    case internal::RegistrySpace::state: return core.states[static_cast<std::size_t>(internal::state_of(address))].name;
  }
  return "";
}

double TapeGraph::number(std::int32_t id) const {
  const Op& op = this->op(id);
  if (&op == &internal::number_op) return recorder().slot(id).number;
  if (&op == &internal::literal_op) return std::bit_cast<double>(recorder().key(id).attribute);
  throw ValueError(error_text("TapeGraph", fmt::format("node {} is no number, it is {}", id, op.name)));
}

std::string TapeGraph::attribute(std::int32_t id) const {
  const Key& key = recorder().key(id);
  switch (kind(id)) {
    case Kind::reduction: {
      const Shape &from = shape(inputs(id)[0]), &to = shape(id);
      if (to.size() == 1) return "";
      if (key.op == &internal::sum_to_op) return to_string(to);
      std::vector<int> axes;
      for (int axis = 0; axis < from.rank(); ++axis)
        if (key.attribute >> axis & 1) axes.push_back(axis);
      return fmt::format("axis {}", fmt::join(axes, ", "));
    }
    case Kind::contraction: {
      std::vector<const char*> words;
      if (key.attribute & transpose_a_bit) words.push_back("aᵀ");
      if (key.attribute & transpose_b_bit) words.push_back("bᵀ");
      if (key.attribute & medium_precision_bit) words.push_back("bf16");
      return fmt::format("{}", fmt::join(words, ", "));
    }
    case Kind::broadcast:
    case Kind::random: return to_string(shape(id));
    case Kind::view: return shape(id) == shape(inputs(id)[0]) ? "" : to_string(shape(id));
    default: return "";
  }
}

Var TapeGraph::var(std::int32_t id) const {
  if (is_request(id))
    throw TapeError(
        error_text("TapeGraph", fmt::format("node {} is the request {}: it has no value", id, op(id).name)));
  return recorder().var(id);
}

}  // namespace thalweg
