#pragma once
// A job: some sections of the book, run from the command line, and the page about them.

#include <string>
#include <vector>

#include "examples/report/page.hpp"
#include "examples/report/results.hpp"
#include "examples/report/section.hpp"

namespace report {

struct Job {
  std::string name;  // of the page's file
  std::vector<Section> sections;
  std::vector<BandTable> bands;
  std::vector<PageText> languages;  // the first unless another is asked for; none: no page
  std::vector<Excerpt> excerpts;
};

/// The main function of a job. Each chosen section is run; its numbers go to OUT/ID/results.json and, as a table, to the
/// screen; the page, made of all results there are, goes to OUT/NAME.html. Returns the exit status: 0; 1 where a number
/// lies outside its band and ten seeds do not explain it, or a section failed; 2, with a message that says what to do and nothing written, where the job
/// cannot be done as asked; 130 after an interrupt.
int run_job(int argc, const char* const* argv, const Job& job);

}  // namespace report
