#include <thalweg/profile.hpp>

#include <algorithm>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <thalweg/tape_graph.hpp>

#include "src/plan/observer.hpp"
#include "src/plan/plan.hpp"
#include "src/tensor/allocations.hpp"
#include "src/tensor/place_text.hpp"

namespace thalweg {

using internal::PassObserver;
using internal::Plan;
using internal::Recorder;

namespace {

/// A node's share of the work of its pass: the machine's cost for its elements.
double work_of(const TapeGraph& graph, std::int32_t id) {
  const Op& op = graph.op(id);
  const double elements = static_cast<double>(std::max(graph.flops(id), graph.shape(id).size()));
  return elements * (op.kernel != nullptr ? op.kernel->cost : 1);
}

std::string pass_name(const TapeGraph& graph, const Plan::PassSummary& summary) {
  std::string ops;
  for (const std::int32_t id : summary.nodes) {
    if (ops.size() > 60) {
      ops += ", …";
      break;
    }
    ops += fmt::format("{}{}", ops.empty() ? "" : ", ", graph.op(id).name);
  }
  const std::string shape =
      summary.nodes.empty() ? "" : fmt::format(" {}", to_string(graph.shape(summary.nodes.back())));
  return fmt::format("{}{}: {}", summary.title, shape, ops);
}

std::string place_of(const TapeGraph& graph, std::int32_t id) {
  const std::string scope = graph.scope(id), place = internal::place_text(graph.line(id));
  return fmt::format("{}{}{}", place, scope.empty() ? "" : fmt::format(" ({})", scope),
                     graph.is_backward(id) ? ", backward" : "");
}

std::vector<ProfileEntry> sorted(std::vector<ProfileEntry> entries) {
  std::sort(entries.begin(), entries.end(),
            [](const ProfileEntry& a, const ProfileEntry& b) { return a.seconds > b.seconds; });
  return entries;
}

void add(ProfileEntry& sum, const ProfileEntry& part, double share) {
  sum.calls += part.calls;
  sum.seconds += part.seconds * share;
  sum.bytes += static_cast<std::int64_t>(static_cast<double>(part.bytes) * share);
  sum.allocations += static_cast<std::int64_t>(static_cast<double>(part.allocations) * share);
}

std::string table_of(const char* title, const std::vector<ProfileEntry>& entries, std::size_t rows, double total) {
  std::string text = fmt::format("{:<44} {:>9} {:>7} {:>9} {:>8} {:>8} {:>7}\n", title, "ms", "%", "calls", "GB/s",
                                 "GFLOP/s", "alloc");
  for (std::size_t i = 0; i < std::min(rows, entries.size()); ++i) {
    const ProfileEntry& entry = entries[i];
    const double nanoseconds = std::max(entry.seconds, 1e-12) * 1e9;
    text += fmt::format("{:<44} {:>9.3f} {:>7.2f} {:>9} {:>8.2f} {:>8.2f} {:>7}", entry.name.substr(0, 44),
                        entry.seconds * 1e3, 100 * entry.seconds / std::max(total, 1e-12), entry.calls,
                        static_cast<double>(entry.bytes) / nanoseconds, static_cast<double>(entry.flops) / nanoseconds,
                        entry.allocations);
    text += entry.place.empty() ? "\n" : fmt::format("  {}\n", entry.place);
  }
  if (entries.size() > rows) text += fmt::format("… and {} more\n", entries.size() - rows);
  return text;
}

}  // namespace

class Profiler::Recording final : public PassObserver {
 public:
  explicit Recording(const ProfilerOptions& options) : max_events_(options.max_events), start_(Clock::now()) {}

  void request_began(const Recorder& recorder, const Plan& plan, Clock::time_point begin) override {
    const std::uint64_t number = plan.number();
    request_began_ = begin;
    request_ = recorder.path().back()->request;
    auto [at, is_new] = plans_.try_emplace(number);
    if (is_new) describe(recorder, plan, at->second);
    plan_ = &at->second;
    allocations_ = internal::blocks_allocated();
  }

  void pass_ended(const Recorder& /*recorder*/, const Plan& /*plan*/, std::size_t step, Clock::time_point begin,
                  Clock::time_point end) override {
    ProfileEntry& pass = passes_[plan_->first_pass + step].total;
    ++pass.calls;
    pass.seconds += seconds_between(begin, end);
    pass.bytes += passes_[plan_->first_pass + step].bytes_a_call;
    pass.flops += passes_[plan_->first_pass + step].flops_a_call;
    const std::int64_t allocations = internal::blocks_allocated();
    pass.allocations += allocations - std::exchange(allocations_, allocations);
    note(static_cast<std::int64_t>(plan_->first_pass + step), begin, end);
  }

  void request_ended(Clock::time_point end) override {
    seconds_ += seconds_between(request_began_, end);
    note(-1 - plan_->name, request_began_, end);
  }

  double mean_seconds(const Plan& plan, std::size_t step) const override {
    const auto known = plans_.find(plan.number());
    if (known == plans_.end()) return 0;
    const ProfileEntry& pass = passes_[known->second.first_pass + step].total;
    return pass.calls > 0 ? pass.seconds / static_cast<double>(pass.calls) : 0;
  }

  std::vector<ProfileEntry> by_pass() const {
    std::map<std::pair<std::string, std::string>, ProfileEntry> sums;
    for (const Pass& pass : passes_) {
      ProfileEntry& sum = sums[{pass.total.name, pass.total.place}];
      sum.name = pass.total.name;
      sum.place = pass.total.place;
      add(sum, pass.total, 1);
      sum.flops += pass.total.flops;
    }
    return values(sums);
  }

  template <class Name>
  std::vector<ProfileEntry> by_node(const Name& name) const {
    std::map<std::string, ProfileEntry> sums;
    for (const Pass& pass : passes_)
      for (const Part& part : pass.parts) {
        ProfileEntry& sum = sums[name(part)];
        sum.name = name(part);
        add(sum, pass.total, part.share);
        sum.flops += part.flops * pass.total.calls;
      }
    return values(sums);
  }
  std::vector<ProfileEntry> by_op() const {
    return by_node([](const Part& part) { return std::string(part.op); });
  }
  std::vector<ProfileEntry> by_line() const {
    return by_node([](const Part& part) { return part.place; });
  }

  double seconds() const { return seconds_; }

  nlohmann::json trace() const {
    nlohmann::json events = nlohmann::json::array();
    const auto microseconds = [&](Clock::time_point time) {
      return std::chrono::duration<double, std::micro>(time - start_).count();
    };
    for (const Event& event : events_) {
      const bool is_request = event.what < 0;
      const Pass* const pass = is_request ? nullptr : &passes_[event.what];
      nlohmann::json entry = {{"name", is_request ? requests_[-1 - event.what] : pass->total.name},
                              {"cat", is_request ? "request" : "pass"},
                              {"ph", "X"},
                              {"pid", 1},
                              {"tid", 1},
                              {"ts", microseconds(event.begin)},
                              {"dur", microseconds(event.end) - microseconds(event.begin)}};
      if (pass != nullptr)
        entry["args"] = {{"place", pass->total.place}, {"bytes", pass->bytes_a_call}, {"flops", pass->flops_a_call}};
      events.push_back(std::move(entry));
    }
    return {{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}};
  }

 private:
  struct Part {
    const char* op;
    std::string place;
    double share;
    std::int64_t flops;
  };
  struct Pass {
    ProfileEntry total;
    std::int64_t bytes_a_call, flops_a_call;
    std::vector<Part> parts;
  };
  struct KnownPlan {
    std::size_t first_pass = 0;
    std::int64_t name = 0;  // index into requests_
  };
  struct Event {
    std::int64_t what;  // a pass, or −1 − a request's name
    Clock::time_point begin, end;
  };

  static double seconds_between(Clock::time_point begin, Clock::time_point end) {
    return std::chrono::duration<double>(end - begin).count();
  }

  template <class Map>
  static std::vector<ProfileEntry> values(Map& sums) {
    std::vector<ProfileEntry> entries;
    entries.reserve(sums.size());
    for (auto& [key, entry] : sums) entries.push_back(std::move(entry));
    return sorted(std::move(entries));
  }

  void note(std::int64_t what, Clock::time_point begin, Clock::time_point end) {
    if (static_cast<std::int64_t>(events_.size()) < max_events_) events_.push_back({what, begin, end});
  }

  /// The names and nodes of a plan's passes, determined when the plan is first seen.
  void describe(const Recorder& recorder, const Plan& plan, KnownPlan& known) {
    const TapeGraph graph(const_cast<Recorder&>(recorder));
    known.first_pass = passes_.size();
    const std::string place = internal::place_text(recorder.line(recorder.path().back()->request));
    requests_.push_back(
        fmt::format("{}{}{}", graph.op(recorder.path().back()->request).name, place.empty() ? "" : " at ", place));
    known.name = static_cast<std::int64_t>(requests_.size()) - 1;
    for (const Plan::PassSummary& summary : plan.pass_summaries()) {
      Pass pass;
      pass.total.name = pass_name(graph, summary);
      pass.total.place = summary.nodes.empty() ? "" : place_of(graph, summary.nodes.front());
      pass.bytes_a_call = static_cast<std::int64_t>(summary.bytes);
      pass.flops_a_call = 0;
      double work = 0;
      for (const std::int32_t id : summary.nodes) work += work_of(graph, id);
      for (const std::int32_t id : summary.nodes) {
        pass.flops_a_call += graph.flops(id);
        pass.parts.push_back({graph.op(id).name, place_of(graph, id),
                              work > 0 ? work_of(graph, id) / work : 1.0 / static_cast<double>(summary.nodes.size()),
                              graph.flops(id)});
      }
      passes_.push_back(std::move(pass));
    }
  }

  std::int64_t max_events_;
  Clock::time_point start_, request_began_;
  std::int32_t request_ = -1;
  std::int64_t allocations_ = 0;
  double seconds_ = 0;
  std::map<std::uint64_t, KnownPlan> plans_;
  const KnownPlan* plan_ = nullptr;
  std::vector<Pass> passes_;
  std::vector<std::string> requests_;
  std::vector<Event> events_;
};

Profiler::Profiler(const ProfilerOptions& options, SourceLine line) {
  if (internal::pass_observer != nullptr)
    throw TapeError(error_text("Profiler", "this thread has a profiler already", line));
  recording_ = std::make_unique<Recording>(options);
  internal::pass_observer = recording_.get();
}

Profiler::~Profiler() { internal::pass_observer = nullptr; }

std::vector<ProfileEntry> Profiler::by_pass() const { return recording_->by_pass(); }
std::vector<ProfileEntry> Profiler::by_op() const { return recording_->by_op(); }
std::vector<ProfileEntry> Profiler::by_line() const { return recording_->by_line(); }
double Profiler::seconds() const { return recording_->seconds(); }

std::string Profiler::table(std::size_t rows) const {
  const double total = seconds();
  return fmt::format("{}\n{}\n{}\n{:.3f} ms in requests\n", table_of("pass", by_pass(), rows, total),
                     table_of("op", by_op(), rows, total), table_of("line", by_line(), rows, total), total * 1e3);
}

void Profiler::write_trace(const std::filesystem::path& file, SourceLine line) const {
  std::ofstream stream(file);
  stream << recording_->trace();
  stream.close();
  if (!stream) throw IoError(error_text("write_trace", fmt::format("{} cannot be written", file.string()), line));
}

}  // namespace thalweg
