#include <thalweg/train/checkpoint.hpp>

#include <cstring>
#include <functional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "src/registry/check.hpp"
#include "src/registry/core.hpp"
#include "train/checkpoint/safetensors.hpp"

namespace thalweg {

using internal::RegistryCore;
using nlohmann::json;

namespace {

constexpr const char* format_name = "thalweg 1";

std::string state_tensor(const std::string& state, const std::string& parameter) {
  return "state/" + state + "/" + parameter;
}

json written(const Optimizer::Progress& progress) {
  json begins = json::object();
  for (const auto& [name, step] : progress.begins) begins[name] = step;
  json numbers = json::object();
  for (const auto& [name, number] : progress.numbers) numbers[name] = fmt::format("{:a}", number);
  json text = {{"step_count", progress.step_count},
               {"skipped_count", progress.skipped_count},
               {"begins", begins},
               {"numbers", numbers}};
  if (progress.learning_rate) text["learning_rate"] = fmt::format("{:a}", *progress.learning_rate);
  return text;
}

Optimizer::Progress read_progress(const json& text) {
  Optimizer::Progress progress{text.at("step_count"), text.at("skipped_count"), {}, {}, {}};
  for (const auto& [name, step] : text.at("begins").items()) progress.begins.emplace_back(name, step);
  for (const auto& [name, number] : text.at("numbers").items())
    progress.numbers.emplace_back(name, std::stod(number.get<std::string>()));
  if (text.contains("learning_rate")) progress.learning_rate = std::stod(text.at("learning_rate").get<std::string>());
  return progress;
}

json written(const ReduceOnPlateau::State& state) {
  return {{"rate", fmt::format("{:a}", state.rate)},
          {"best", fmt::format("{:a}", state.best)},
          {"bad", state.bad},
          {"cooling", state.cooling},
          {"observed", state.observed}};
}

ReduceOnPlateau::State read_plateau(const json& text) {
  return {.rate = std::stod(text.at("rate").get<std::string>()),
          .best = std::stod(text.at("best").get<std::string>()),
          .bad = text.at("bad"),
          .cooling = text.at("cooling"),
          .observed = text.at("observed")};
}

/// A loaded file, with errors that name it.
class Source {
 public:
  Source(const std::string& path, SourceLine line) : file_(read_safetensors(path, line)), path_(path), line_(line) {
    const std::string format = file_.metadata.contains("format") ? file_.metadata.at("format") : "";
    if (format != format_name)
      fail(fmt::format("expected a checkpoint of format \"{}\", found {}", format_name,
                       format.empty() ? "a file without a format" : fmt::format("\"{}\"", format)));
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw IoError(error_text("checkpoint", fmt::format("{}: {}", path_, message), line_));
  }

  const SafetensorsFile& file() const { return file_; }

  /// The tensor of that name, which must have the shape and dtype of parameter `index`.
  const Tensor& tensor(const std::string& name, const RegistryCore& core, int index) const {
    const auto found = file_.tensors.find(name);
    if (found == file_.tensors.end()) fail(fmt::format("expected \"{}\", found no such tensor", name));
    const Tensor& tensor = found->second;
    const Shape& shape = core.entries[index].shape;
    if (!(tensor.shape() == shape) || tensor.dtype() != core.dtype)
      fail(fmt::format("expected \"{}\" as {} {}, found {} {}", name, thalweg::name(core.dtype), to_string(shape),
                       thalweg::name(tensor.dtype()), to_string(tensor.shape())));
    return tensor;
  }

  /// The JSON of the metadata "kind/name".
  json about(const std::string& kind, const std::string& name) const {
    const auto found = file_.metadata.find(kind + "/" + name);
    if (found == file_.metadata.end()) {
      std::string others;
      for (const auto& [key, value] : file_.metadata)
        if (key.starts_with(kind + "/"))
          others += fmt::format("{}\"{}\"", others.empty() ? "" : ", ", key.substr(kind.size() + 1));
      fail(fmt::format("expected the {} \"{}\", found {}", kind, name, others.empty() ? "none" : others));
    }
    return json::parse(found->second);
  }

 private:
  SafetensorsFile file_;
  std::string path_;
  SourceLine line_;
};

/// A write to make once everything has been checked.
struct Copy {
  const Tensor* tensor;  // null: zeros
  int state;             // −1: the value
  int index;
};

/// The writes for an optimizer's states in the file; creates states that do not exist yet.
void find_states(const Source& source, const Optimizer& optimizer, RegistryCore& core, std::vector<Copy>& copies) {
  const std::string prefix = std::string(optimizer.name()) + ".";
  for (const auto& [name, tensor] : source.file().tensors)
    if (name.starts_with("state/" + prefix)) core.state_index(name.substr(6, name.find('/', 6) - 6));
  for (std::size_t state = 0; state < core.states.size(); ++state) {
    if (!core.states[state].name.starts_with(prefix)) continue;
    for (const int index : optimizer.parameter_indices()) {
      const RegistryCore::Entry& entry = core.entries[index];
      const std::string name = state_tensor(core.states[state].name, entry.name);
      if (!entry.trainable) continue;
      const bool is_there = source.file().tensors.contains(name);
      copies.push_back({is_there ? &source.tensor(name, core, index) : nullptr, static_cast<int>(state), index});
    }
  }
}

std::vector<Copy> find_values(const Source& source, const RegistryCore& core) {
  std::vector<Copy> copies;
  copies.reserve(core.entries.size());
  for (int i = 0; i < static_cast<int>(core.entries.size()); ++i)
    copies.push_back({&source.tensor("parameter/" + core.entries[i].name, core, i), -1, i});
  for (const auto& [name, tensor] : source.file().tensors)
    if (name.starts_with("parameter/") && core.find(name.substr(10)) < 0)
      source.fail(fmt::format("found \"{}\", which the registry does not have", name));
  return copies;
}

void carry_out(const std::vector<Copy>& copies, RegistryCore& core, SourceLine line) {
  for (const Copy& copy : copies) {
    char* const target = copy.state < 0 ? core.value_data(copy.index) : core.state_data(copy.state, copy.index);
    const std::size_t bytes = core.entry_bytes(copy.index);
    if (bytes == 0) continue;
    if (copy.tensor != nullptr)
      std::memcpy(target, copy.tensor->raw(), bytes);
    else
      std::memset(target, 0, bytes);
    if (copy.state < 0) core.note_write(copy.index, "load", line);
  }
}

}  // namespace

void Checkpoint::check_new(const std::string& name, SourceLine line) const {
  if (randoms_.contains(name) || plateaus_.contains(name) || integers_.contains(name) || numbers_.contains(name))
    throw ValueError(error_text("checkpoint", fmt::format("there is a \"{}\" already", name), line));
}

Checkpoint& Checkpoint::add(Optimizer& optimizer, SourceLine line) {
  if (optimizer.core() != registry_.core())
    throw ValueError(
        error_text("checkpoint", fmt::format("optimizer \"{}\" works on another registry", optimizer.name()), line));
  for (const Optimizer* other : optimizers_)
    if (std::string_view(other->name()) == optimizer.name())
      throw ValueError(
          error_text("checkpoint", fmt::format("there is an optimizer \"{}\" already", optimizer.name()), line));
  optimizers_.push_back(&optimizer);
  return *this;
}

Checkpoint& Checkpoint::add(const std::string& name, Random& random, SourceLine line) {
  check_new(name, line);
  randoms_[name] = &random;
  return *this;
}

Checkpoint& Checkpoint::add(const std::string& name, ReduceOnPlateau& plateau, SourceLine line) {
  check_new(name, line);
  plateaus_[name] = &plateau;
  return *this;
}

Checkpoint& Checkpoint::add(const std::string& name, std::int64_t& number, SourceLine line) {
  check_new(name, line);
  integers_[name] = &number;
  return *this;
}

Checkpoint& Checkpoint::add(const std::string& name, double& number, SourceLine line) {
  check_new(name, line);
  numbers_[name] = &number;
  return *this;
}

void Checkpoint::save(const std::string& path, SourceLine line) const {
  const RegistryCore& core = *registry_.core();
  SafetensorsFile file;
  file.metadata["format"] = format_name;
  for (int i = 0; i < registry_.size(); ++i) {
    const Parameter parameter(registry_.core(), i);
    file.tensors.emplace("parameter/" + parameter.name(), parameter.value());
  }
  for (Optimizer* optimizer : optimizers_) {
    file.metadata[std::string("optimizer/") + optimizer->name()] = written(optimizer->progress()).dump();
    for (std::size_t state = 0; state < core.states.size(); ++state) {
      const std::string& name = core.states[state].name;
      if (!name.starts_with(std::string(optimizer->name()) + ".")) continue;
      for (const int index : optimizer->parameter_indices()) {
        const RegistryCore::Entry& entry = core.entries[index];
        if (!entry.trainable) continue;
        file.tensors.emplace(
            state_tensor(name, entry.name),
            internal::copied(core.state_data(static_cast<int>(state), index), entry.shape, core.dtype));
      }
    }
  }
  for (const auto& [name, random] : randoms_)
    file.metadata["random/" + name] =
        json{{"seed", random->seed()}, {"stream", random->stream()}, {"position", random->position()}}.dump();
  for (const auto& [name, plateau] : plateaus_) file.metadata["plateau/" + name] = written(plateau->state()).dump();
  for (const auto& [name, number] : integers_) file.metadata["integer/" + name] = json(*number).dump();
  for (const auto& [name, number] : numbers_) file.metadata["number/" + name] = fmt::format("\"{:a}\"", *number);
  write_safetensors(path, file, line);
}

void Checkpoint::load(const std::string& path, SourceLine line) const {
  const Source source(path, line);
  RegistryCore& core = *registry_.core();
  std::vector<std::function<void()>> settings;  // none of them throws
  std::vector<Copy> copies = find_values(source, core);
  try {
    for (Optimizer* optimizer : optimizers_) {
      const Optimizer::Progress progress = read_progress(source.about("optimizer", optimizer->name()));
      find_states(source, *optimizer, core, copies);
      settings.emplace_back([optimizer, progress] { optimizer->set_progress(progress); });
    }
    for (const auto& [name, random] : randoms_) {
      const json about = source.about("random", name);
      if (about.at("seed") != random->seed() || about.at("stream") != random->stream())
        source.fail(fmt::format("expected the random \"{}\" of seed {} and stream {}, found {} and {}", name,
                                random->seed(), random->stream(), about.at("seed").dump(), about.at("stream").dump()));
      settings.emplace_back(
          [random = random, position = about.at("position").get<std::uint64_t>()] { random->set_position(position); });
    }
    for (const auto& [name, plateau] : plateaus_)
      settings.emplace_back(
          [plateau = plateau, state = read_plateau(source.about("plateau", name))] { plateau->set_state(state); });
    for (const auto& [name, number] : integers_)
      settings.emplace_back(
          [number = number, value = source.about("integer", name).get<std::int64_t>()] { *number = value; });
    for (const auto& [name, number] : numbers_)
      settings.emplace_back(
          [number = number, value = std::stod(source.about("number", name).get<std::string>())] { *number = value; });
  } catch (const json::exception& error) {
    source.fail(fmt::format("its metadata are damaged: {}", error.what()));
  }
  const internal::WriteClaim claim = core.claim_write("load", line);
  carry_out(copies, core, line);
  for (const auto& set : settings) set();
}

}  // namespace thalweg
