#include "kernelspec.hpp"

#include <nlohmann/json.hpp>

namespace oast::cli {

std::string kernelspec_name(const SpecInfo& spec) { return "oast-" + spec.name; }

std::string kernelspec_text(const SpecInfo& spec, const std::filesystem::path& bridge) {
  const std::string title = spec.display_name.empty() ? spec.name : spec.display_name;
  const nlohmann::ordered_json json{
      {"argv", {bridge.string(), "-f", "{connection_file}", "-k", spec.name}},
      {"display_name", title + " (oast)"},
      {"language", spec.language},
      {"interrupt_mode", "message"},
      {"kernel_protocol_version", "5.5"},
      {"metadata", {{"debugger", false}}}};
  return json.dump(2) + "\n";
}

}  // namespace oast::cli
