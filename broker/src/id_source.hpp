// Ids of peers and kernels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace oast::broker {

/// Gives each id once, counting from 1, also when the broker is made again in the same directory,
/// whatever ended the one before it: the file holds, in decimal digits, an id that no id given so
/// far exceeds. It is written before the first of each kStep ids is given, and at the end.
///
/// The file is replaced by rename(2) and not synced: a crash of the machine may undo that, but ends
/// every peer, too. When it then is unreadable, ids go on far beyond all earlier ones.
class IdSource {
 public:
  static constexpr std::uint64_t kStep = 1000;

  /// Empty: ids are unique in this source only. The caller holds the directory's lock.
  explicit IdSource(std::filesystem::path file = {});
  /// Gives back what is left of the last step.
  ~IdSource();
  IdSource(const IdSource&) = delete;
  IdSource& operator=(const IdSource&) = delete;

  /// Throws Error(overloaded) when the file cannot be written.
  std::uint64_t next();
  /// Whether the file was there and unreadable.
  bool jumped() const { return jumped_; }

 private:
  std::optional<std::string> write(std::uint64_t bound) const;

  const std::filesystem::path file_;
  std::uint64_t last_ = 0;
  std::uint64_t bound_ = 0;  // in the file
  bool jumped_ = false;
};

}  // namespace oast::broker
