#pragma once
// A job: some sections of the book, run from the command line.

#include <span>

#include "examples/report/results.hpp"
#include "examples/report/section.hpp"

namespace report {

/// The main function of a job with these sections. Each chosen one is run; its numbers go to OUT/ID/results.json and,
/// as a table, to the screen. Returns the exit status: 0; 1 where a number lies outside its band; 2, with a message
/// that says what to do and nothing written, where the job cannot be done as asked.
int run_job(int argc, const char* const* argv, std::span<const Section> sections);

}  // namespace report
