// The processes below this one.
#pragma once

namespace oast::broker {

/// Sends `signal` to every descendant of this process. With SIGKILL, repeats until no new one shows
/// up. For a process that nobody else runs in: reads /proc.
void signal_descendants(int signal);

}  // namespace oast::broker
