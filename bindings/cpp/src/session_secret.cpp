#include "session_secret.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "oast/error.hpp"
#include "oast/fd.hpp"

namespace oast::detail {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSecretBytes = 32;

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw Error(FailureKind::permission_denied,
              "the secret of a session, " + path.string() + ", " + why);
}

std::string make_secret() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, kSecretBytes> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  std::string secret;
  for (const unsigned char byte : bytes) {
    secret += kDigits[byte >> 4];
    secret += kDigits[byte & 15];
  }
  return secret;
}

/// Whole or not at all: another process may do the same now.
void make_file(const fs::path& path) {
  const std::string secret = make_secret();
  std::string made = path.string() + ".XXXXXX";
  const Fd fd(::mkostemp(made.data(), O_CLOEXEC));  // with mode 0600
  const bool written =
      fd && ::write(fd.get(), secret.data(), secret.size()) == static_cast<ssize_t>(secret.size());
  const bool linked = written && (::link(made.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int error = errno;
  if (fd) ::unlink(made.c_str());
  if (!linked) fail(path, "cannot be written: " + std::generic_category().message(error));
}

std::string read_file(const fs::path& path, const Fd& fd) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
    fail(path, "should be ours, and its mode 0600");
  std::array<char, 2 * kSecretBytes> text{};
  if (::read(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    fail(path, "should have 64 hexadecimal digits: remove it");
  return {text.data(), text.size()};
}

}  // namespace

std::string session_secret(const fs::path& directory, const std::string& name) {
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  };
  if (name.empty() || name.size() > 64 || name.front() == '.' || !std::ranges::all_of(name, fits))
    throw Error(
        FailureKind::invalid,
        "the session name '" + name +
            "' should be 1 to 64 letters, digits, '-', '_' and '.', and not begin with that");
  const fs::path path = directory / "sessions" / name;
  ::mkdir(path.parent_path().c_str(), 0700);
  for (;;) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd) return read_file(path, fd);
    if (errno != ENOENT) fail(path, "cannot be read: " + std::generic_category().message(errno));
    make_file(path);
  }
}

}  // namespace oast::detail
