#include "spec_registry.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "install_paths.hpp"
#include "oast/error.hpp"
#include "oast/fd.hpp"
#include "spec_expansion.hpp"
#include "spec_json.hpp"

namespace oast::broker {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLargestFile = std::size_t{256} * 1024;
constexpr std::size_t kMostSpecs = 1000;

/// Its environment is all that its kernels have.
KernelSpec lua_spec() {
  KernelSpec spec;
  spec.name = "lua";
  spec.language = "lua";
  spec.display_name = "Lua 5.4";
  spec.argv = {"oast-kernel-lua"};
  spec.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LANG", "C.UTF-8"}};
  spec.features = {"complete", "inspect", "input"};
  return spec;
}

/// Names become paths, and stand on command lines.
bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0' ? value : nullptr;
}

/// Nothing when there is none. Waits for the file system, not for what lies there.
std::optional<std::string> read_file(const fs::path& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw Error(FailureKind::invalid, file.string() + " cannot be read");
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode))
    throw Error(FailureKind::invalid, file.string() + " should be a file");
  std::string text;
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0) throw Error(FailureKind::invalid, file.string() + " cannot be read");
    if (got == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
    if (text.size() > kLargestFile)
      throw Error(FailureKind::invalid, file.string() + " is too large for a kernel spec");
  }
}

/// Nothing when the directory has no such spec.
std::optional<KernelSpec> read_spec_in(const fs::path& directory, const std::string& name) {
  const fs::path file = directory / name / "oast.json";
  const auto text = read_file(file);
  if (!text) return std::nullopt;
  nlohmann::json value;
  try {
    value = nlohmann::json::parse(*text, nullptr, true, true);
  } catch (const nlohmann::json::exception& error) {
    throw Error(FailureKind::invalid, file.string() + " is not JSON: " + error.what());
  }
  KernelSpec spec = read_spec(file.string(), name, value);
  spec.directory = file.parent_path();
  return spec;
}

std::optional<KernelSpec> read_spec_file(const std::string& name) {
  auto directories = spec_directories();
  std::reverse(directories.begin(), directories.end());  // the last one wins
  for (const fs::path& directory : directories)
    if (auto spec = read_spec_in(directory, name)) return spec;
  return std::nullopt;
}

void add_names_in(const fs::path& directory, std::set<std::string>& names) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (names.size() < kMostSpecs && is_name(name) &&
        fs::exists(entry->path() / "oast.json", error))
      names.insert(name);
    error.clear();
  }
}

wire::SpecInfoT describe(const KernelSpec& spec) {
  wire::SpecInfoT info;
  info.name = spec.name;
  info.language = spec.language;
  info.display_name = spec.display_name;
  info.features = spec.features;
  info.problem = problem_of(spec);
  info.argv = info.problem.empty() ? expand(spec).argv : spec.argv;
  return info;
}

}  // namespace

std::vector<fs::path> spec_directories() {
  std::vector<fs::path> directories;
  const fs::path share = find_share();
  std::error_code error;
  for (fs::directory_iterator entry(share, error), end; !error && entry != end;
       entry.increment(error))
    directories.push_back(entry->path() / "specs");  // an engine's own
  std::sort(directories.begin(), directories.end());
  if (!share.empty()) directories.push_back(share / "specs");
  if (const char* data = environment("XDG_DATA_HOME"))
    directories.push_back(fs::path(data) / "oast" / "specs");
  else if (const char* home = environment("HOME"))
    directories.push_back(fs::path(home) / ".local" / "share" / "oast" / "specs");
  if (const char* given = environment("OAST_SPECS")) {
    std::istringstream list(given);
    for (std::string directory; std::getline(list, directory, ':');)
      if (!directory.empty()) directories.push_back(fs::absolute(directory, error));
  }
  return directories;
}

SpecRegistry::SpecRegistry(const std::vector<KernelSpec>& configured) {
  for (const KernelSpec& spec : configured) {
    if (spec.name.empty() || spec.argv.empty() || spec.argv.front().empty())
      throw Error(FailureKind::invalid,
                  "the kernel spec '" + spec.name + "' should have a name and a program");
    configured_[spec.name] = spec;
  }
}

const KernelSpec* SpecRegistry::configured(const std::string& name) const {
  const auto found = configured_.find(name);
  return found == configured_.end() ? nullptr : &found->second;
}

KernelSpec SpecRegistry::require(const std::string& name) const {
  if (const KernelSpec* spec = configured(name)) return *spec;
  if (is_name(name))
    if (auto spec = read_spec_file(name)) return *spec;
  if (name == "lua") return lua_spec();
  std::string known;
  for (const auto& info : list()) known += (known.empty() ? "" : ", ") + info.name;
  throw Error(FailureKind::not_found, "no kernel spec '" + name + "'; there are: " + known);
}

std::vector<wire::SpecInfoT> SpecRegistry::list() const {
  std::set<std::string> names{"lua"};
  for (const auto& [name, spec] : configured_) names.insert(name);
  for (const fs::path& directory : spec_directories()) add_names_in(directory, names);
  std::vector<wire::SpecInfoT> infos;
  for (const std::string& name : names) {
    try {
      infos.push_back(describe(require(name)));
    } catch (const Error& error) {
      wire::SpecInfoT info;
      info.name = name;
      info.problem = error.what();
      infos.push_back(std::move(info));
    }
  }
  return infos;
}

}  // namespace oast::broker
