#include "data_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "oast/broker/broker.hpp"
#include "oast/error.hpp"

namespace oast::broker {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw Error(FailureKind::invalid, "the data directory " + path.string() +
                                        " cannot be used: " + why + "; --data-dir names another");
}

fs::path variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value == '/' ? fs::path(value) : fs::path();
}

/// FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/
std::string short_hash(const std::string& text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  std::array<char, 9> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", hash);
  return digits.data();
}

}  // namespace

fs::path default_data_dir(const fs::path& runtime_dir) {
  fs::path state = variable("XDG_STATE_HOME");
  if (state.empty()) {
    const fs::path home = variable("HOME");
    if (home.empty()) return {};
    state = home / ".local" / "state";
  }
  const fs::path path = fs::absolute(runtime_dir).lexically_normal();
  std::string name = path.filename().string();
  if (path.parent_path() != runtime_root().lexically_normal())
    name += "-" + short_hash(path.string());
  return state / "oast" / name;
}

DataDir::DataDir(const fs::path& path) : path_(path.empty() ? path : fs::absolute(path)) {
  if (path_.empty()) return;
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) refuse(path_, error.message());
  if (::chmod(path_.c_str(), 0700) != 0) refuse(path_, std::generic_category().message(errno));
  lock_.reset(::open((path_ / "data.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) refuse(path_, std::generic_category().message(errno));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) refuse(path_, "another broker uses it");
}

}  // namespace oast::broker
