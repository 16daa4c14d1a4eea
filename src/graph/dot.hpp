#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include <thalweg/draw.hpp>
#include <thalweg/tape_graph.hpp>

namespace thalweg::internal {

/// Whether a picture shows the node: not for requests, which have no value, nor for numbers, which appear in the label
/// of their reader.
bool is_drawn(const TapeGraph& graph, std::int32_t id, DrawPart part);

/// "matmul bᵀ", "multiply 0.5", a parameter's name.
std::string node_title(const TapeGraph& graph, std::int32_t id);

std::string dot_string(std::string_view text);
std::string dot_node(const TapeGraph& graph, std::int32_t id);
std::string dot_page(std::string_view attributes, std::string_view body);

std::string tape_dot(const TapeGraph& graph, const DrawOptions& options);
std::string plan_dot(const TapeGraph& graph);

/// The page to pan, zoom, search and fold.
std::string graph_page(const TapeGraph& graph, const DrawOptions& options);

}  // namespace thalweg::internal
