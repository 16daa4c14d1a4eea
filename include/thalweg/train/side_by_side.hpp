#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <vector>

namespace thalweg {

/// Calls task(0), …, task(count − 1) in parallel, on thread_count() threads including the calling one; within a task
/// the library uses no further threads. For independent trials, which share nothing that is written: their results do
/// not depend on the number of threads.
/// If a task throws, no more are started, running ones finish, and the exception of the lowest-numbered task is
/// rethrown. After an interrupt (see Interrupt) no more are started either. Returns which tasks have finished.
std::vector<bool> side_by_side(std::int64_t count, const std::function<void(std::int64_t)>& task);

}  // namespace thalweg
