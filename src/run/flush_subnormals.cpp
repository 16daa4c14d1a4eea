#include <thalweg/subnormals.hpp>

#include "src/run/floating_point_mode.hpp"

namespace thalweg {

FlushSubnormals::FlushSubnormals() : previous_(run::floating_point_mode()) {
  run::set_floating_point_mode(previous_ | run::flush_subnormals_bits);
}

FlushSubnormals::~FlushSubnormals() { run::set_floating_point_mode(previous_); }

}  // namespace thalweg
