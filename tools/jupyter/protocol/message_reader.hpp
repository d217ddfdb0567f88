// Takes messages in: nothing is parsed before its signature was checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "message.hpp"
#include "signature.hpp"

namespace oast::jupyter {

/// Why frames were dropped, and how often.
struct Dropped {
  std::uint64_t malformed = 0;  ///< too few frames, no JSON, or not the members it should have
  std::uint64_t unsigned_frames = 0;  ///< no signature where one is due
  std::uint64_t forged = 0;           ///< a signature that is not right
  std::uint64_t replayed = 0;         ///< a signature that was seen before
  std::uint64_t all() const { return malformed + unsigned_frames + forged + replayed; }
};

/// Turns frames into messages. One thread. Bounded: it remembers the last kRemembered signatures,
/// as jupyter_client does, and a copy of what is older counts as new.
class MessageReader {
 public:
  static constexpr std::size_t kRemembered = 1 << 16;
  /// Frames of one message; more are malformed.
  static constexpr std::size_t kMostFrames = 1 << 16;

  explicit MessageReader(Signer signer) : signer_(std::move(signer)) {}

  /// Nothing when they are dropped, which is counted; `why` says it for a person. Does not throw
  /// but std::bad_alloc.
  std::optional<Message> read(Frames frames);
  const Dropped& dropped() const { return dropped_; }
  /// Of the last that were dropped.
  const std::string& why() const { return why_; }

 private:
  bool seen(std::string_view signature);
  std::optional<Message> drop(std::uint64_t& count, std::string why);

  Signer signer_;
  Dropped dropped_;
  std::string why_;
  std::unordered_set<std::string> seen_;
  std::deque<std::string> order_;  // of seen_, the oldest first
};

}  // namespace oast::jupyter
