// Strong identifiers. All of them are chosen by the broker except RequestId.
#pragma once

#include <compare>
#include <cstddef>
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

/// One request among those of all hosts: hosts choose ids on their own, so it takes both.
struct RequestKey {
  PeerId host;
  RequestId id;
  auto operator<=>(const RequestKey&) const = default;  // NOLINT(modernize-use-nullptr)
};

constexpr PeerId peer_of(KernelId kernel) { return PeerId{kernel.value}; }

}  // namespace oast

template <class Tag>
struct std::hash<oast::Id<Tag>> {
  std::size_t operator()(oast::Id<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};

template <>
struct std::hash<oast::RequestKey> {
  std::size_t operator()(const oast::RequestKey& key) const noexcept {
    return static_cast<std::size_t>(key.host.value * 0x9E3779B97F4A7C15U ^ key.id.value);
  }
};
