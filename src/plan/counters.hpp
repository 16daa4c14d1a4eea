#pragma once
#include <thalweg/statistics.hpp>

namespace thalweg::internal {

/// The calling thread's counters. With the default TLS model the compiler would call a function to find them, and save
/// registers around the call.
[[gnu::tls_model("initial-exec")]] inline constinit thread_local Statistics counters;

}  // namespace thalweg::internal
