// What a kernel's process may use, whatever its host's may.
#pragma once

namespace oast::broker {

/// Gives the calling process the umask and the soft limits of a fresh login, within the hard limits
/// that it has. For oast-launch, between fork and exec: allocates nothing.
void set_kernel_limits();

}  // namespace oast::broker
