#include "src/run/executable_code.hpp"

#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string_view>
#include <unordered_map>

#include <xbyak/xbyak.h>

namespace thalweg::run {

namespace {

/// The code that a thread's programs hold, by hash of its bytes.
class KnownCode {
 public:
  std::shared_ptr<const std::uint8_t> find_or_make(std::span<const std::uint8_t> bytes) {
    forget_what_is_gone();
    Code& code = codes_[std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()})];
    std::shared_ptr<const std::uint8_t> known = code.place.lock();
    if (known != nullptr && std::equal(bytes.begin(), bytes.end(), known.get(), known.get() + code.bytes)) return known;
    const auto memory = std::make_shared<Xbyak::CodeArray>(bytes.size(), Xbyak::DontSetProtectRWE);
    memory->db(bytes.data(), bytes.size());
    memory->setProtectModeRE();
    std::shared_ptr<const std::uint8_t> made(memory, memory->getCode());
    code = {made, bytes.size()};
    return made;
  }

 private:
  struct Code {
    std::weak_ptr<const std::uint8_t> place;
    std::size_t bytes = 0;
  };
  std::unordered_map<std::size_t, Code> codes_;
  std::size_t most_ = 64;

  /// From time to time.
  void forget_what_is_gone() {
    if (codes_.size() < most_) return;
    std::erase_if(codes_, [](const auto& code) { return code.second.place.expired(); });
    most_ = std::max<std::size_t>(64, 2 * codes_.size());
  }
};

struct Draft {
  struct Memory : Xbyak::Allocator {
    bool useProtect() const override { return false; }
  } memory;
  Xbyak::CodeGenerator code{std::size_t{16} << 10, Xbyak::AutoGrow, &memory};
};

}  // namespace

bool is_limit(const Xbyak::Error& error) {
  switch (static_cast<int>(error)) {
    case Xbyak::ERR_CANT_ALLOC:
    case Xbyak::ERR_CANT_PROTECT:
    case Xbyak::ERR_CODE_IS_TOO_BIG:
    case Xbyak::ERR_LABEL_IS_TOO_FAR:
    case Xbyak::ERR_OFFSET_IS_TOO_BIG:
    case Xbyak::ERR_IMM_IS_TOO_BIG: return true;
    default: return false;
  }
}

Xbyak::CodeGenerator& code_draft() {
  thread_local Draft draft;
  draft.code.reset();
  return draft.code;
}

std::shared_ptr<const std::uint8_t> executable_code(std::span<const std::uint8_t> bytes) {
  thread_local KnownCode known;
  return known.find_or_make(bytes);
}

}  // namespace thalweg::run

#endif
