#include "kernelspec.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

namespace oast::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

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

std::filesystem::path user_kernelspecs() {
  if (const auto jupyter = environment("JUPYTER_DATA_DIR"); !jupyter.empty())
    return std::filesystem::path(jupyter) / "kernels";
  std::filesystem::path data = environment("XDG_DATA_HOME");
  if (data.empty()) {
    const auto home = environment("HOME");
    if (home.empty()) throw std::runtime_error("there is no $HOME to install kernelspecs below");
    data = std::filesystem::path(home) / ".local" / "share";
  }
  return data / "jupyter" / "kernels";
}

std::filesystem::path write_kernelspec(const std::filesystem::path& kernels, const SpecInfo& spec,
                                       const std::filesystem::path& bridge) {
  const auto folder = kernels / kernelspec_name(spec);
  std::filesystem::create_directories(folder);
  auto path = folder / "kernel.json";
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << kernelspec_text(spec, bridge);
  file.close();
  if (!file)
    throw std::system_error(errno, std::generic_category(), "cannot write " + path.string());
  return path;
}

}  // namespace oast::cli
