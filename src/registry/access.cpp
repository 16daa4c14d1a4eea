// The readers–writer lock of a registry. One atomic counts the live tapes that have read it; a writer sets a bit in it.
// Each thread also counts its own tapes, since it may write what only they have read.

#include <thread>

#include <fmt/format.h>

#include "src/registry/core.hpp"
#include "src/tensor/place_text.hpp"

namespace thalweg::internal {

namespace {

struct OwnReads {
  const RegistryCore* core;
  std::int64_t tapes;
};

/// The registries that live tapes of this thread have read: few, so a linear search is fastest.
std::vector<OwnReads>& own_reads() {
  thread_local std::vector<OwnReads> reads;
  return reads;
}

OwnReads* find_own_reads(const RegistryCore* core) {
  for (OwnReads& reads : own_reads())
    if (reads.core == core) return &reads;
  return nullptr;
}

}  // namespace

void RegistryCore::begin_read() const {
  if (OwnReads* reads = find_own_reads(this))
    ++reads->tapes;
  else
    own_reads().push_back({this, 1});
  std::int64_t before = readers_.fetch_add(1, std::memory_order_acquire);
  while ((before & writing) != 0) {  // spins, since a write is short: a copied value, or an optimizer's pass
    std::this_thread::yield();
    before = readers_.load(std::memory_order_acquire);
  }
}

void RegistryCore::end_read() const {
  OwnReads* reads = find_own_reads(this);
  if (--reads->tapes == 0) {
    if (reads != &own_reads().back()) *reads = own_reads().back();
    own_reads().pop_back();
  }
  readers_.fetch_sub(1, std::memory_order_release);
}

std::int64_t RegistryCore::own_tapes() const {
  const OwnReads* reads = find_own_reads(this);
  return reads ? reads->tapes : 0;
}

WriteClaim RegistryCore::claim(std::int64_t allowed_tapes, const char* writer, SourceLine line) const {
  std::int64_t seen = allowed_tapes;
  if (!readers_.compare_exchange_strong(seen, allowed_tapes | writing, std::memory_order_acquire))
    throw TapeError(error_text(writer,
                               (seen & writing) != 0
                                   ? "another thread is writing this registry"
                                   : "a tape of another thread has read this registry; write when it has "
                                     "ended, or give each thread a registry of its own",
                               line));
  return WriteClaim(*this);
}

WriteClaim RegistryCore::claim_write(const char* writer, SourceLine line) const {
  return claim(own_tapes(), writer, line);
}

WriteClaim RegistryCore::claim_layout(const char* writer, SourceLine line) const {
  if (own_tapes() > 0)
    throw TapeError(error_text(
        writer, "a live tape has read this registry, and what it recorded would be wrong afterwards; end it first",
        line));
  return claim(0, writer, line);
}

WriteClaim::~WriteClaim() {
  if (core_ != nullptr) core_->readers_.fetch_sub(RegistryCore::writing, std::memory_order_release);
}

void RegistryCore::note_write(int index, const char* writer, SourceLine line) {
  const Write write{++write_count, writer, line};
  if (index >= 0) {
    entries[index].own_write = write;
    return;
  }
  for (Entry& entry : entries)
    if (entry.trainable) entry.own_write = write;
}

void RegistryCore::note_region_write(int region, const char* writer, SourceLine line) {
  regions[region].write = {++write_count, writer, line};
}

const RegistryCore::Write& RegistryCore::last_write(int index) const {
  const Entry& entry = entries[index];
  const Write* last = &entry.own_write;
  for (const Region& region : regions) {
    const bool holds =
        entry.trainable && entry.offset >= region.offset && entry.offset < region.offset + region.shape->size();
    if (holds && region.write.count > last->count) last = &region.write;
  }
  return *last;
}

std::string RegistryCore::describe_writer(int index) const {
  const Write& write = last_write(index);
  return fmt::format("{}(){}", write.writer, at_place(write.line));
}

}  // namespace thalweg::internal
