// The kernel specs that there are.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "oast/broker/broker.hpp"
#include "oast/codec.hpp"

namespace oast::broker {

/// Where specs are in files DIRECTORY/NAME/oast.json, in rising precedence: those that come with
/// oast, $XDG_DATA_HOME/oast/specs, and the directories of $OAST_SPECS.
std::vector<std::filesystem::path> spec_directories();

/// The built-in specs, those in files, and those that the broker was made with, in rising
/// precedence. Files are read when somebody asks, so that a change needs no restart; only regular
/// files of a moderate size are, which takes as long as their file system does.
class SpecRegistry {
 public:
  /// Throws Error(invalid) for a spec without a name or a program.
  explicit SpecRegistry(const std::vector<KernelSpec>& configured);

  /// Of those that the broker was made with; nullptr: none. Reads no file.
  const KernelSpec* configured(const std::string& name) const;
  /// Throws Error: not_found, or invalid when its file is malformed.
  KernelSpec require(const std::string& name) const;
  /// All, those that cannot start with the reason.
  std::vector<wire::SpecInfoT> list() const;

 private:
  std::map<std::string, KernelSpec> configured_;
};

}  // namespace oast::broker
