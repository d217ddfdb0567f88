// Standard input between a host, which gives blocks, and code, which reads as it likes.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace oast::kernel {

/// What the host of the running request gave of its standard input and nobody has read. Not
/// thread-safe.
class InputBuffer {
 public:
  /// A request begins: what the one before left unread is not for it.
  void begin() { unread_.clear(); }

  /// At most `most` bytes, as many as there are; when there are none, of what `ask()` gives, which
  /// may be more, and nothing at the end of the input.
  template <class Ask>
  std::string read(std::size_t most, const Ask& ask) {
    if (most == 0) return {};
    if (unread_.empty()) unread_ = ask();
    if (unread_.size() <= most) return std::exchange(unread_, {});
    std::string bytes = unread_.substr(0, most);
    unread_.erase(0, most);
    return bytes;
  }

 private:
  std::string unread_;
};

}  // namespace oast::kernel
