#include "src/tape/recorder.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/plan.hpp"

namespace thalweg::internal {

namespace {

std::uint64_t hash_keys(std::span<const Key> keys, const Key& request) {
  std::uint64_t hash = keys.size();
  const auto add = [&](const Key& key) {
    std::uint64_t words[4];
    std::memcpy(words, &key, sizeof words);
    hash = (hash ^ words[0] ^ std::rotl(words[1], 21)) * 0xFF51AFD7ED558CCDu;
    hash = (std::rotl(hash, 29) ^ words[2] ^ std::rotl(words[3], 17)) * 0xC4CEB9FE1A85EC53u;
  };
  for (const Key& key : keys) add(key);
  add(request);
  return hash ^ (hash >> 29);
}

/// Remembers a divergence; the latest is tried first.
void note_turn(Segment& left, std::int32_t place, Segment& to) {
  left.turns.insert(left.turns.begin(), {place, to.keys[static_cast<std::size_t>(place)], &to});
}

}  // namespace

constinit thread_local Recorder::OfThread Recorder::recorders_;

Recorder::Recorder(Workspace& workspace) : workspace_(workspace) {}

Recorder::~Recorder() = default;

void Recorder::throw_no_tape(const char* op, SourceLine line, std::uint64_t serial) {
  if (serial != 0)
    throw TapeError(
        error_text(op,
                   "no tape is alive on this thread: the Var's own has ended, or is another thread's; ask for "
                   "value() before that, or there",
                   line));
  throw TapeError(error_text(op, "no tape is alive on this thread; make a Tape first, or use compute()", line));
}

void Recorder::throw_no_tape(const Var& var, const char* op, SourceLine line) {
  if (var.empty())
    throw TapeError(error_text(op, "a Var cannot be used here: it is empty: nothing was assigned to it", line));
  throw_no_tape(op, line, var.serial());
}

void Recorder::throw_no_tape(const Op& op, const Operand& operand) {
  if (operand.kind() == Operand::Kind::var) throw_no_tape(Var(operand.serial_, operand.id_), op.name, operand.line());
  throw_no_tape(op.name, operand.line());
}

void Recorder::plant_eager_root() {
  note_more();
  eager_root_ = std::make_unique<Segment>(nullptr, 0);
  last_segment_ = eager_root_.get();
}

void Recorder::end_with_traces(Storage* unused) {
  if (!has_more_ && held_.empty() && recorders_.current == this) [[likely]] {  // a tape that repeats an earlier one
    forget_recorded();
    recorders_.current = outer_;
    return forget_data(unused);
  }
  try {
    if (planned_) Plan::learn(*this);
  } catch (const std::bad_alloc&) {  // then they go on keeping more than they need
  }
  const bool has_grown = has_more_;
  forget_more();
  forget_recorded();
  workspace_.release(*this);
  if (has_grown) workspace_.check_limit();
  forget_data(unused);
}

void Recorder::clear() {
  Storage* const unused = constants_.let_go(0, data_.slots());
  forget_more();
  forget_recorded();
  forget_data(unused);
  start(TapeOptions(options_));
}

void Recorder::forget_data(Storage* unused) {
  reads_.end();
  Constants::release(unused);
}

void Recorder::forget_more() {
  held_.clear();
  if (!has_more_) return;
  watched_.clear();
  eager_values_.clear();
  assigned_.clear();
  open_.clear();
  eager_root_ = nullptr;
  planned_ = false;
  has_more_ = false;
}

// --- recording ---

void Recorder::leave_prediction() {
  Segment* const predicted = cursor_.segment();
  copy_beginning(*predicted);
  open_.turned_from = predicted;
  open_.turned_at = next_ - segment_base_;
}

void Recorder::copy_beginning(const Segment& segment) {
  note_more();
  open_.begin_like(segment, next_);
  cursor_.predict_nothing();
}

bool Recorder::turn(const Key& key) {
  const std::int32_t place = next_ - segment_base_;
  Segment& predicted = *cursor_.segment();
  const auto known = std::find_if(predicted.turns.begin(), predicted.turns.end(),
                                  [&](const Segment::Turn& turn) { return turn.place == place && turn.key == key; });
  Segment* to = known != predicted.turns.end() ? known->to : nullptr;
  if (to == nullptr) {
    const std::span<const Key> beginning = predicted.keys.first(static_cast<std::size_t>(place));
    to = find_child(beginning, key, hash_keys(beginning, key));
    if (to != nullptr) note_turn(predicted, place, *to);
  }
  if (to == nullptr) {
    leave_prediction();
    return false;
  }
  last_segment_->likely = to;
  cursor_.predict(to);
  cursor_.advance(place);
  data_.reserve(to->end());
  return true;
}

/// The common case, without calling the shape rule: up to three operands of the same shape and floating dtype, which
/// are also those of the result.
[[gnu::always_inline]] inline bool Recorder::infer_alike(const Key& key, Info& result) const {
  const Info& first = info(key.inputs[0]);
  if (first.weak || !is_floating(first.dtype)) return false;
  for (int i = 1; i < key.count; ++i)  // compares shape, dtype and weakness at once
    if (std::memcmp(&info(key.inputs[i]), &first, offsetof(Info, origin)) != 0) return false;
  result = first;
  if (key.op->gives_bool) result.dtype = DType::boolean;
  return true;
}

namespace {

/// Whether an op has the members that its kind requires.
inline bool is_complete(const Op& op, int operands) {
  if (op.kind == Kind::elementwise)  // first, since most nodes are
    return op.shape_rule != nullptr && op.kernel != nullptr && op.kernel->arity == operands;
  switch (op.kind) {
    case Kind::opaque: return op.shape_rule != nullptr && op.opaque_kernel != nullptr;
    case Kind::view:
    case Kind::broadcast: return op.shape_rule != nullptr && op.view_rule != nullptr;
    case Kind::reduction:
    case Kind::contraction: return op.shape_rule != nullptr;
    default: return true;
  }
}

}  // namespace

void Recorder::throw_incomplete(const Key& key, SourceLine line) const {
  const Op& op = *key.op;
  const bool is_view = op.kind == Kind::view || op.kind == Kind::broadcast;
  std::string text = "the op has no shape_rule";
  if (op.shape_rule != nullptr && op.kind == Kind::elementwise && op.kernel != nullptr)
    text = fmt::format("the kernel takes {} operand{}, it is given {}", op.kernel->arity,
                       op.kernel->arity == 1 ? "" : "s", key.count);
  else if (op.shape_rule != nullptr)
    text = fmt::format("the op has no {}", is_view                   ? "view_rule"
                                           : op.kind == Kind::opaque ? "opaque_kernel"
                                                                     : "kernel");
  throw ValueError(error_text(op.name, text, blame(line)));
}

std::int32_t Recorder::append_unexpected(const Op& op, std::int32_t a, std::int32_t b, std::int32_t c,
                                         std::uint32_t traits, std::uint64_t attribute, SourceLine line) {
  Key key;
  key.op = &op;
  key.inputs[0] = a, key.inputs[1] = b, key.inputs[2] = c;
  std::memcpy(&key.count, &traits, sizeof traits);
  key.attribute = attribute;
  return append_new(key, line);
}

std::int32_t Recorder::append_new(const Key& key, SourceLine line) {
  if (is_predicted() && turn(key)) return append(key, line);
  if (!is_complete(*key.op, key.count)) [[unlikely]]
    throw_incomplete(key, line);
  Info info;
  if (key.op->kind != Kind::elementwise || !infer_alike(key, info)) info = infer(key, line);
  info.origin = deriving_;
  data_.reserve(next_ + 1);
  note_more();
  open_.push(key, info);
  set_line(next_, line);
  const std::int32_t id = next_++;
  if (options_.engine == Engine::eager && key.op->kind != Kind::random) compute_new(id);
  return id;
}

/// Computes a node of an eager tape; an error removes the node.
void Recorder::compute_new(std::int32_t id) {
  try {
    compute_eagerly(id);
  } catch (...) {
    drop_if_last(id);  // also frees the memory of its value
    throw;
  }
}

void* Recorder::assigned_data(std::int32_t assign_node) const {
  return registry_data(*slot(assign_node).registry, key(assign_node).attribute);
}

bool Recorder::was_assigned(const RegistryCore& registry, std::int32_t index) const {
  for (const Assigned& assigned : assigned_)
    if (assigned.registry == &registry && assigned.index == index) return true;
  return false;
}

void Recorder::note_assigned(const RegistryCore& registry, std::int32_t index) {
  note_more();
  assigned_.push_back({&registry, index});
}

// --- what is recorded ---

/// The completed segment that node `id` is in; null if there is none. A tape may have made thousands of requests.
const Segment* Recorder::segment_of(std::int32_t id) const {
  if (last_segment_->parent != nullptr && id >= last_segment_->base) return last_segment_;
  const auto after = std::upper_bound(path_.begin(), path_.end(), id, [](std::int32_t wanted, const Step& step) {
    return wanted < step.segment->base;
  });
  return after == path_.begin() ? nullptr : std::prev(after)->segment;
}

const Key& Recorder::recorded_key(std::int32_t id) const {
  const Segment* const segment = segment_of(id);
  return segment == nullptr ? no_key : segment->keys[static_cast<std::size_t>(id - segment->base)];
}

const Info& Recorder::recorded_info(std::int32_t id) const {
  static const Info none{};
  const Segment* const segment = segment_of(id);
  return segment == nullptr ? none : segment->infos[static_cast<std::size_t>(id - segment->base)];
}

NodeType Recorder::type(std::int32_t id) const {
  const Info& node = info(id);
  return {node.shape ? *node.shape : Shape{}, node.dtype, node.weak};
}

std::int32_t Recorder::origin(std::int32_t id) const {
  while (info(id).origin >= 0) id = info(id).origin;
  return id;
}

SourceLine Recorder::line(std::int32_t id) const { return data_.line(origin(id)).place(); }

// --- requests ---

Segment* Recorder::find_child(std::span<const Key> beginning, const Key& key, std::uint64_t hash) const {
  const std::size_t place = beginning.size();
  return last_segment_->known_children.find(hash, [&](const Segment& child) {
    return place < child.keys.size() && child.keys[place] == key &&
           std::equal(beginning.begin(), beginning.end(), child.keys.begin());
  });
}

Segment* Recorder::make_segment(std::int32_t request, std::uint64_t hash) {
  auto segment = std::make_unique<Segment>(last_segment_, segment_base_);
  open_.keys.push_back(no_key);
  segment->complete(open_.keys, open_.infos, workspace_.memory);
  segment->request = request;
  note_asked(*segment);
  open_.composed.reserve(open_.composed.size() + 1);  // so that nothing throws once the segment is known
  Segment* const made = segment.get();
  std::vector<std::unique_ptr<Segment>>& children = last_segment_->children;
  children.push_back(std::move(segment));
  try {
    last_segment_->known_children.insert(hash, made);
  } catch (...) {
    children.pop_back();
    throw;
  }
  made->expansions = std::move(open_.expansions);
  made->set_composed(std::move(open_.composed));
  workspace_.segment_bytes += made->bytes();
  return made;
}

Segment& Recorder::complete_unexpected(const Request& request, SourceLine line, FunctionRef<void(Segment&)> derive) {
  if (!watched_.empty()) watch_open_segment();
  Key key;
  key.op = request.op;
  key.inputs[0] = request.input;
  key.inputs[1] = request.second;
  key.attribute = request.attribute;
  const bool is_known = is_predicted() && (expects(request) || turn(key));
  Segment* const segment = is_known ? cursor_.segment() : find_or_make_segment(key, line, derive);
  data_.reserve(segment->longest);
  return *segment;
}

Segment* Recorder::find_or_make_segment(const Key& request, SourceLine line, FunctionRef<void(Segment&)> derive) {
  const std::int32_t id = next_;
  const std::uint64_t hash = hash_keys(open_.keys, request);
  Segment* segment = find_child(open_.keys, request, hash);
  if (segment == nullptr) {
    Segment derived(last_segment_, segment_base_);
    try {
      append_new(request, line);
      derive(derived);
      segment = make_segment(id, hash);
    } catch (...) {
      rewind(id);
      throw;
    }
    segment->gradient_outputs = std::move(derived.gradient_outputs);
    segment->registries = std::move(derived.registries);
  }
  if (open_.turned_from != nullptr) note_where_turned(*segment);
  open_.clear();
  return segment;
}

/// So that the next recording that diverges here continues with the segment at once. Without, it finds it at its request.
void Recorder::note_where_turned(Segment& segment) const try {
  note_turn(*open_.turned_from, open_.turned_at, segment);
  const std::span<const Key> beginning = segment.keys.first(static_cast<std::size_t>(open_.turned_at));
  const Key& turn = segment.keys[beginning.size()];
  if (open_.turned_at < segment.request - segment_base_)
    last_segment_->known_children.insert(hash_keys(beginning, turn), &segment);
} catch (const std::bad_alloc&) {
}

void Recorder::rewind(std::int32_t first) {
  next_ = first;
  Constants::release(constants_.let_go(first, data_.slots()));
  open_.shorten(static_cast<std::size_t>(first - segment_base_), first);
  deriving_ = -1;
  eager_values_.forget(first);
}

void Recorder::drop_if_last(std::int32_t id) {
  if (id != next_ - 1 || is_predicted()) return;
  open_.pop();
  --next_;
  Constants::release(constants_.let_go(id, data_.slots()));
  eager_values_.forget(id);
}

bool Recorder::extend_last(std::int32_t id, std::int32_t input) {
  if (id != next_ - 1 || is_predicted() || options_.engine == Engine::eager) return false;
  Key& key = open_.keys.back();
  key.inputs[key.count++] = input;
  return true;
}

void Recorder::watch(std::string pattern) {
  note_more();
  watched_.push_back(std::move(pattern));
}

void Recorder::keep(std::int32_t id) {
  Key key;
  key.op = &keep_op;
  key.inputs[0] = id;
  key.count = 1;
  append(key, {});
}

}  // namespace thalweg::internal
