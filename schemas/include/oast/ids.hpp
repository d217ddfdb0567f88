// Strong identifiers. All of them are chosen by the broker except RequestId.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace oast {

/// A 64-bit number that is only comparable to its own kind. 0 means "none".
template <class Tag>
struct Id {
  std::uint64_t value = 0;

  constexpr Id() = default;
  constexpr explicit Id(std::uint64_t v) : value(v) {}
  constexpr explicit operator bool() const { return value != 0; }
  auto operator<=>(const Id&) const = default;  // NOLINT(modernize-use-nullptr): of clang-tidy 14
};

/// Anything connected to a broker. The broker itself is PeerId{0}.
using PeerId = Id<struct PeerTag>;
/// A kernel. Its number is also its peer id: see `peer_of`.
using KernelId = Id<struct KernelTag>;
/// One eval or call; unique among the open requests of its host, which chooses it.
using RequestId = Id<struct RequestTag>;
/// A channel; unique in its kernel.
using ChannelId = Id<struct ChannelTag>;

constexpr PeerId peer_of(KernelId kernel) { return PeerId{kernel.value}; }

}  // namespace oast

template <class Tag>
struct std::hash<oast::Id<Tag>> {
  std::size_t operator()(oast::Id<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
