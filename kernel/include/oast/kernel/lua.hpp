// The Lua 5.4 engine. With engine.hpp the only header of kernel/ that the host library may include,
// for InProcessWorker.
#pragma once

#include <memory>

#include "oast/kernel/engine.hpp"

namespace oast::kernel {

/// A fresh Lua state with its standard libraries. `services` must outlive it. Everything the code
/// prints goes to `services`, also through io.stdout and io.stderr; io.stdin reads from it.
std::unique_ptr<Engine> make_lua_engine(Services& services);

}  // namespace oast::kernel
