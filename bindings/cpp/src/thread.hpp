// Threads of the library inside somebody else's program.
#pragma once

#include <functional>
#include <thread>

namespace oast::detail {

/// Starts a thread that takes no signals, so that the program's own handlers run on the program's
/// own threads. `name` shows in debuggers: at most 15 characters. What `main` throws ends the
/// program.
std::thread start_thread(const char* name, std::function<void()> main);

}  // namespace oast::detail
