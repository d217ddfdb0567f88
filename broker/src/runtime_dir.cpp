#include "runtime_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "oast/broker/broker.hpp"
#include "oast/error.hpp"

namespace oast::broker {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrivatePrefix = "embedded-";
constexpr std::array<const char*, 7> kFiles = {"control.sock", "data.sock", "events.sock", "token",
                                               "last_id.new",  "lock.new",  "lock"};

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw Error(FailureKind::invalid,
              "cannot use the broker directory " + path.string() + ": " + why);
}

/// What is missing on the way there is made as private as the directory itself: one of them may be
/// the root of private directories.
void make_parents(const fs::path& path) {
  if (path.empty() || path == path.root_path() || fs::exists(path)) return;
  make_parents(path.parent_path());
  ::mkdir(path.c_str(), 0700);
}

/// The directory exists, is ours and nobody else can enter it.
void make_private(const fs::path& path) {
  make_parents(path.parent_path());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    refuse(path, std::generic_category().message(errno));
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) refuse(path, std::generic_category().message(errno));
  if (!S_ISDIR(info.st_mode)) refuse(path, "it is not a directory");
  if (info.st_uid != ::geteuid()) refuse(path, "it belongs to another user");
  if ((info.st_mode & 077) != 0) refuse(path, "others may enter it; its mode should be 0700");
}

/// Nothing when a living broker holds the lock.
Fd try_lock(const fs::path& directory) {
  Fd fd(::open((directory / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  // A broker that ended in between has removed the file that was opened.
  struct stat held {};
  struct stat there {};
  if (::fstat(fd.get(), &held) != 0 || ::stat((directory / "lock").c_str(), &there) != 0 ||
      held.st_ino != there.st_ino)
    return {};
  return fd;
}

/// Of a directory that is only just made. The file gets its name when it is locked, so that no
/// sweep takes the directory for one that was left behind.
Fd first_lock(const fs::path& directory) {
  const fs::path made = directory / "lock.new";
  Fd fd(::open(made.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  if (::rename(made.c_str(), (directory / "lock").c_str()) != 0) return {};
  return fd;
}

void remove_files(const fs::path& directory) {
  std::error_code ignored;
  for (const auto* name : kFiles) fs::remove(directory / name, ignored);
  fs::remove_all(directory / "sessions", ignored);
}

/// Brokers that were killed could not tidy up after themselves.
void sweep(const fs::path& root) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    if (!entry.path().filename().string().starts_with(kPrivatePrefix)) continue;
    // Without a lock file its broker is only just being made.
    if (!fs::exists(entry.path() / "lock", error)) continue;
    if (const Fd lock = try_lock(entry.path())) {
      remove_files(entry.path());
      fs::remove(entry.path(), error);
    }
  }
}

/// Before anything is made there.
void check_length(const fs::path& path) {
  if ((path / "control.sock").string().size() >= sizeof(sockaddr_un{}.sun_path))
    refuse(path, "a socket's path may have at most 107 bytes");
}

fs::path make_embedded() {
  const fs::path root = runtime_root();
  std::string pattern = (root / (std::string(kPrivatePrefix) + "XXXXXX")).string();
  check_length(pattern);
  make_private(root);
  sweep(root);
  if (::mkdtemp(pattern.data()) == nullptr) refuse(pattern, std::generic_category().message(errno));
  return pattern;
}

void write_token(const fs::path& path, const std::string& token) {
  ::unlink(path.c_str());
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd || ::write(fd.get(), token.data(), token.size()) != static_cast<ssize_t>(token.size()))
    refuse(path.parent_path(), "the token cannot be written");
}

/// `sudo -E` leaves root with the directory of a user, in which root's would be in that user's way.
bool is_usable(const char* base) {
  struct stat info {};
  return ::stat(base, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() &&
         ::access(base, W_OK | X_OK) == 0;
}

}  // namespace

fs::path runtime_root() {
  const char* base = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe)
  if (base != nullptr && *base == '/' && is_usable(base)) return fs::path(base) / "oast";
  return "/tmp/oast-" + std::to_string(::geteuid());
}

RuntimeDir::RuntimeDir(const fs::path& path, const std::string& token)
    : path_(path.empty() ? make_embedded() : fs::absolute(path)), private_(path.empty()) {
  if (!private_) {
    check_length(path_);
    make_private(path_);
  }
  lock_ = private_ ? first_lock(path_) : try_lock(path_);
  try {
    if (!lock_) refuse(path_, private_ ? "it cannot be locked" : "another broker lives there");
    write_token(path_ / "token", token);
  } catch (...) {
    // No sweep would ever find it without its lock.
    if (lock_ || private_) remove_all();
    throw;
  }
}

RuntimeDir::~RuntimeDir() { remove_all(); }

void RuntimeDir::remove_all() {
  remove_files(path_);
  std::error_code ignored;
  if (private_) fs::remove(path_, ignored);
}

fs::path RuntimeDir::id_file() const { return private_ ? fs::path{} : path_ / "last_id"; }

std::string RuntimeDir::endpoint(const std::string& name) const {
  return "ipc://" + (path_ / (name + ".sock")).string();
}

}  // namespace oast::broker
