#include "id_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <system_error>
#include <utility>

#include "oast/error.hpp"
#include "oast/fd.hpp"

namespace oast::broker {

namespace {

/// More than a broker has given that gave fewer than 1000 a second since 1970.
std::uint64_t beyond_all_earlier() {
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

/// Nothing for what no IdSource has written.
std::optional<std::uint64_t> read_id(int fd) {
  std::array<char, 32> text{};
  const auto got = ::read(fd, text.data(), text.size());
  if (got <= 0 || text[static_cast<std::size_t>(got) - 1] != '\n') return std::nullopt;
  const char* end = text.data() + got - 1;
  std::uint64_t id = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc{} || stop != end || id > UINT64_MAX / 2) return std::nullopt;
  return id;
}

}  // namespace

IdSource::IdSource(std::filesystem::path file) : file_(std::move(file)) {
  if (file_.empty()) return;
  const Fd fd(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return;
  const auto id = fd ? read_id(fd.get()) : std::nullopt;
  jumped_ = !id;
  last_ = bound_ = id ? *id : beyond_all_earlier();
}

IdSource::~IdSource() {
  if (!file_.empty() && last_ != bound_) write(last_);
}

std::uint64_t IdSource::next() {
  if (!file_.empty() && last_ >= bound_) {
    if (const auto why = write(last_ + kStep))
      throw Error(FailureKind::overloaded, "the broker cannot write " + file_.string() + ": " +
                                               *why + "; without it an id could be given twice");
    bound_ = last_ + kStep;
  }
  return ++last_;
}

/// What went wrong, if anything; the file is then as it was.
std::optional<std::string> IdSource::write(std::uint64_t bound) const {
  const std::filesystem::path made = file_.string() + ".new";
  const std::string text = std::to_string(bound) + "\n";
  ::unlink(made.c_str());
  errno = 0;
  const Fd fd(::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::rename(made.c_str(), file_.c_str()) == 0)
    return std::nullopt;
  const int error = errno == 0 ? ENOSPC : errno;  // it was written in part
  ::unlink(made.c_str());
  return std::generic_category().message(error);
}

}  // namespace oast::broker
