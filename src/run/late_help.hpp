#pragma once
// Help for work of which no time has been measured.

namespace thalweg::run {

/// While a late one lives, the jobs of its thread begin alone, and ask other threads for help only once they have lasted
/// about as long as it takes to wake one.
class LateHelp {
 public:
  explicit LateHelp(bool is_late);
  ~LateHelp();
  LateHelp(const LateHelp&) = delete;
  LateHelp& operator=(const LateHelp&) = delete;

 private:
  bool previous_;
};

}  // namespace thalweg::run
