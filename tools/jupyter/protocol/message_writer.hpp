// Makes the frames of what is sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "message.hpp"
#include "signature.hpp"

namespace oast::jupyter {

/// Writes messages of one session: ids, dates and signatures. One thread.
class MessageWriter {
 public:
  /// `session`: what every header names; empty: a new one.
  explicit MessageWriter(Signer signer, std::string session = {}, std::string username = "oast");

  const std::string& session() const { return session_; }
  /// A header with a new id and the time of now.
  Json header(std::string_view type);
  /// The frames of `message`, whose header should be one of `header`. Takes its buffers.
  Frames write(Message& message) const;

 private:
  Signer signer_;
  std::string session_;
  std::string username_;
  std::uint64_t last_ = 0;
};

/// 32 random hexadecimal digits. Throws std::system_error.
std::string random_id();
/// Now, as ISO 8601 in UTC with microseconds: "2026-01-31T23:59:59.123456Z".
std::string date_text();

}  // namespace oast::jupyter
