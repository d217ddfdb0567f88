#include "jupyter_doctor.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "console.hpp"
#include "exit_code.hpp"
#include "jupyter_folders.hpp"
#include "kernelspec.hpp"
#include "oast/broker.hpp"
#include "oast/worker.hpp"
#include "program_path.hpp"
#include "version.hpp"

namespace oast::cli {
namespace {

namespace fs = std::filesystem;

/// A kernelspec that starts the bridge.
struct Installed {
  std::string name;
  fs::path file;
  fs::path bridge;
  std::string spec;  ///< what stands behind -k
};

class Report {
 public:
  void good(const std::string& what, const std::string& how) { line("ok ", what, how); }
  void note(const std::string& what, const std::string& how) { line("   ", what, how); }
  void bad(const std::string& what, const std::string& how) {
    line("BAD", what, how);
    all_well_ = false;
  }
  bool all_well() const { return all_well_; }

 private:
  static void line(const char* state, const std::string& what, const std::string& how) {
    out().print(std::string(state) + "  " + what + ": " + how + "\n");
  }

  bool all_well_ = true;
};

/// As Jupyter looks for kernels. Source: "Common directories and file locations" in its
/// documentation.
std::vector<fs::path> kernel_folders() {
  std::vector<fs::path> folders;
  std::istringstream listed(std::getenv("JUPYTER_PATH") == nullptr ? ""
                                                                   : std::getenv("JUPYTER_PATH"));
  for (std::string one; std::getline(listed, one, ':');)
    if (!one.empty()) folders.emplace_back(fs::path(one) / "kernels");
  try {
    folders.push_back(user_folders().data / "kernels");
  } catch (const std::runtime_error&) {
    // There is no home.
  }
  for (const char* prefix : {"/usr/local", "/usr"})
    folders.push_back(prefix_folders(prefix).data / "kernels");
  return folders;
}

/// What a program prints, its first line; "" when it cannot run or fails.
std::string first_line_of(const std::string& command) {
  FILE* const pipe = ::popen((command + " 2>/dev/null").c_str(), "re");
  if (pipe == nullptr) return "";
  std::array<char, 256> line{};
  const bool any = std::fgets(line.data(), line.size(), pipe) != nullptr;
  std::string text = any ? line.data() : "";
  if (::pclose(pipe) != 0) return "";
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string quoted(const fs::path& path) {
  std::string text = "'";
  for (const char c : path.string()) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// Nothing when it is no kernelspec of ours.
std::optional<Installed> read_kernelspec(const fs::path& folder) {
  std::ifstream file(folder / "kernel.json");
  const auto json = nlohmann::json::parse(file, nullptr, false);
  if (!json.is_object() || !json.contains("argv") || !json["argv"].is_array()) return std::nullopt;
  std::vector<std::string> words;
  for (const auto& word : json["argv"])
    if (word.is_string()) words.push_back(word.get<std::string>());
  if (words.empty() || fs::path(words[0]).filename() != "oast-jupyter") return std::nullopt;
  Installed found{folder.filename().string(), folder / "kernel.json", words[0], "lua"};
  for (std::size_t i = 1; i + 1 < words.size(); ++i)
    if (words[i] == "-k" || words[i] == "--spec") found.spec = words[i + 1];
  return found;
}

/// Those that Jupyter takes, by name: of each the first.
std::map<std::string, Installed> installed_kernelspecs() {
  std::map<std::string, Installed> found;
  for (const fs::path& kernels : kernel_folders()) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(kernels, none))
      if (auto spec = read_kernelspec(entry.path()))
        found.try_emplace(spec->name, std::move(*spec));
  }
  return found;
}

void examine_bridge(Report& report) {
  fs::path bridge;
  try {
    bridge = program_path("oast-jupyter");
  } catch (const std::runtime_error& error) {
    return report.bad("oast-jupyter", std::string(error.what()) + "; install oast as a whole");
  }
  const std::string version = first_line_of(quoted(bridge) + " --version");
  if (version != std::string("oast-jupyter ") + kVersionText)
    return report.bad("oast-jupyter", bridge.string() + " says it is `" + version +
                                          "`, and this is oast " + kVersionText +
                                          "; install both from one build");
  report.good("oast-jupyter", version.substr(version.find(' ') + 1) + ", " + bridge.string());
}

void examine_frontends(Report& report) {
  if (first_line_of("command -v jupyter").empty())
    report.note("jupyter", "there is no such command on $PATH; a frontend may be elsewhere");
}

/// What its code needs is known when a kernel has started.
void examine_kernel(Report& report, const Broker& broker, const Installed& installed) {
  try {
    Worker worker = broker.start(installed.spec);
    worker.stop();
    report.good(installed.name, "starts kernels of `" + installed.spec + "`");
  } catch (const Error& error) {
    report.bad(installed.name, std::string(error.what()) + "; `oast specs` lists what can start");
  }
}

void examine(Report& report, const Broker& broker, const Installed& installed) {
  const std::string again = "`oast jupyter install " + installed.spec + "` writes it anew, and " +
                            quoted(installed.file.parent_path()) + " is this one";
  if (::access(installed.bridge.c_str(), X_OK) != 0)
    return report.bad(installed.name, installed.bridge.string() + " cannot be run; " + again);
  const std::string version = first_line_of(quoted(installed.bridge) + " --version");
  if (version != std::string("oast-jupyter ") + kVersionText)
    return report.bad(installed.name, installed.bridge.string() + " says it is `" + version +
                                          "`, and this is oast " + kVersionText + "; " + again);
  examine_kernel(report, broker, installed);
}

}  // namespace

int examine_jupyter() {
  Report report;
  examine_bridge(report);
  examine_frontends(report);
  const auto installed = installed_kernelspecs();
  if (installed.empty())
    report.bad("kernelspecs", "Jupyter finds none of oast's; `oast jupyter install` writes them");
  const Broker broker = Broker::embedded();
  for (const auto& [name, spec] : installed) examine(report, broker, spec);
  return report.all_well() ? kDone : kRaised;
}

}  // namespace oast::cli
