// How many descriptors this process may still open.
#pragma once

#include <string>

namespace oast::broker {

// Who is refused first when descriptors run short: starts, then newcomers' Hellos, then
// connections. What is left beyond the last is for the host and for work that is under way.
inline constexpr int kLeftByConnections = 8;
inline constexpr int kLeftByHellos = 12;
inline constexpr int kLeftByStarts = 16;
/// A kernel that is being started: its command socket and stderr, both ends, pidfd and outbox.
inline constexpr int kPerStart = 6;
/// Then it connects, twice.
inline constexpr int kPerRegistration = 2;
inline constexpr int kPerBroker = 24;

/// Raises the soft limit of this process as far as the hard one lets, and a broker can use.
void raise_descriptor_limit();

/// The soft limit, as an int.
int descriptor_limit();

/// Whether `count` more can be opened. Takes microseconds, unless nearly all are open.
bool descriptors_left(int count);

/// Throws Error(overloaded) that says how many are left when fewer than `count` are. `what` ends
/// "too few to ...".
void require_descriptors(int count, const std::string& what);

}  // namespace oast::broker
