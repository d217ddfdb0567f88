// Signatures of Jupyter messages: HMAC-SHA256 over the four JSON parts, in hexadecimal.
// Source: the Jupyter messaging protocol 5.5, "The Wire Protocol".
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace oast::jupyter {

/// Signs and checks with one key. Immutable, so thread-safe.
class Signer {
 public:
  using Parts = std::array<std::string_view, 4>;  ///< header, parent header, metadata, content

  /// `scheme`: "hmac-sha256", or another hash that OpenSSL has. An empty key signs nothing and
  /// takes everything. Throws Error(invalid) for an unknown scheme.
  explicit Signer(std::string key, std::string_view scheme = "hmac-sha256");

  bool signs() const { return !key_.empty(); }
  /// 64 hexadecimal digits for SHA-256; empty without a key.
  std::string sign(const Parts& parts) const;
  /// In a time that tells nothing of how much of it is right.
  bool verify(std::string_view signature, const Parts& parts) const;

 private:
  std::string key_;
  std::string hash_;
};

}  // namespace oast::jupyter
