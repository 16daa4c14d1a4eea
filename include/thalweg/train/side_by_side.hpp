#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <vector>

namespace thalweg {

/// Calls task(0), …, task(count − 1), several at a time: on thread_count() threads, the calling one among them, each
/// keeping the library's own work to itself. For trials, which share nothing that is written: what they compute does
/// not depend on the number of threads.
/// Where a task throws, no more begin, those under way end, and the exception of the lowest number goes on. After an
/// interrupt (see Interrupt) no more begin either. Returns which tasks have ended.
std::vector<bool> side_by_side(std::int64_t count, const std::function<void(std::int64_t)>& task);

}  // namespace thalweg
