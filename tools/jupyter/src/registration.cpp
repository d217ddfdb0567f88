#include "registration.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "command_line.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "oast/broker.hpp"
#include "oast/error.hpp"
#include "table.hpp"

namespace oast::jupyter {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtension = ".json";

/// Beside the folder of brokers, which has names of theirs in it.
fs::path folder() { return runtime_root().string() + "-jupyter"; }

[[noreturn]] void fail(const fs::path& path) {
  throw std::system_error(errno, std::generic_category(), path.string());
}

void make_private(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail(path);
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) fail(path);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
    throw Error(FailureKind::permission_denied,
                path.string() + " should be a directory of this user alone, with mode 0700");
}

bool is_locked(const Fd& file) {
  if (::flock(file.get(), LOCK_SH | LOCK_NB) != 0) return true;
  ::flock(file.get(), LOCK_UN);
  return false;
}

bool is_there(const Fd& file, const fs::path& path) {
  struct stat held {};
  struct stat there {};
  return ::fstat(file.get(), &held) == 0 && ::stat(path.c_str(), &there) == 0 &&
         held.st_ino == there.st_ino;
}

std::string read_all(const Fd& file) {
  std::string text;
  std::array<char, 4096> piece{};
  ssize_t got = 0;
  while ((got = ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(text.size()))) >
         0)
    text.append(piece.data(), static_cast<std::size_t>(got));
  return text;
}

/// Nothing when it is gone, or is none.
Json read_about(const fs::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return {};
  if (!is_locked(file)) {
    ::unlink(path.c_str());
    return {};
  }
  try {
    Json about = parse_json(read_all(file));
    return about.is_object() ? about : Json();
  } catch (const Error&) {  // it is being written
    return {};
  }
}

std::string notebook_text(const Json& about) {
  const std::string notebook = text_at(about, "notebook");
  return notebook.empty() ? text_at(about, "folder") : notebook;
}

}  // namespace

Registration::Registration() {
  make_private(folder());
  running_bridges();  // so that files do not pile up
  path_ = folder() / (std::to_string(::getpid()) + kExtension);
  do {
    file_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file_ || ::flock(file_.get(), LOCK_EX) != 0) fail(path_);
  } while (!is_there(file_, path_));  // somebody took it for one that was left behind
}

Registration::~Registration() { ::unlink(path_.c_str()); }

void Registration::tell(const Json& about) const {
  const std::string text = dump_json(about);
  if (::ftruncate(file_.get(), 0) != 0 ||
      ::pwrite(file_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    fail(path_);
}

std::vector<Json> running_bridges() {
  std::vector<Json> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder(), error)) {
    if (entry.path().extension() != kExtension) continue;
    if (Json about = read_about(entry.path()); !about.is_null()) found.push_back(std::move(about));
  }
  std::ranges::sort(found, {}, [](const Json& about) { return integer_at(about, "pid", 0); });
  return found;
}

int list_bridges(int argc, char** argv) {
  CLI::App app("Show the bridges that run: what serves a kernel to a Jupyter frontend",
               "oast jupyter list");
  bool json = false;
  app.add_flag("--json", json, "One JSON object a line");
  return run_command(app, argc, argv, [&json] {
    const auto bridges = running_bridges();
    cli::Table table(
        {{"PID", true}, {"KERNEL"}, {"SPEC"}, {"BROKER"}, {"NOTEBOOK"}, {"CONNECTION FILE"}});
    for (const Json& about : bridges) {
      if (json) cli::out().print(dump_json(about) + "\n");
      const std::string broker = text_at(about, "broker");
      table.add({std::to_string(integer_at(about, "pid", 0)), text_at(about, "kernel"),
                 text_at(about, "spec"), broker.empty() ? "its own" : broker, notebook_text(about),
                 text_at(about, "connection_file")});
    }
    if (!json) cli::out().print(bridges.empty() ? "no bridge runs\n" : table.text());
    return cli::kDone;
  });
}

}  // namespace oast::jupyter
