#include "log_store.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <spdlog/sinks/ostream_sink.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "broker_fixture.hpp"
#include "kernel_log.hpp"
#include "log_records.hpp"
#include "oast/wake_fd.hpp"

using namespace oast;
using namespace oast::broker;
using namespace std::chrono_literals;
using oast::test::is_intact;
using oast::test::record;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kReadAtOnce = std::size_t{64} << 10;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

/// A store with a loop that the test drives, in a directory of its own.
class Store {
 public:
  explicit Store(LogStoreOptions options = {}) {
    if (options.directory.empty()) options.directory = scratch_.path();
    directory_ = options.directory;
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(lines_);
    store.emplace(loop, options, std::make_shared<spdlog::logger>("test", sink));
  }

  /// Drives the loop until it is so.
  void until(const std::function<bool()>& fact) {
    const auto deadline = std::chrono::steady_clock::now() + test::kGenerous;
    while (!fact()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::array fds{pollfd{woken_.fd(), POLLIN, 0}};
      if (loop.poll(fds, 100) > 0) woken_.clear();
    }
  }
  /// Has `until` look at once: for callbacks.
  void wake() const { woken_.signal(); }
  /// Until all that was asked of the store is done and told.
  void settle() {
    bool done = false;
    store->open(kSentinel, [](auto, auto, auto) {});
    store->fetch(kSentinel, 1, 1, 1, [&](auto, auto) {
      done = true;
      wake();
    });
    until([&done] { return done; });
    store->close(kSentinel);
  }
  void fill(KernelLog& log, std::uint64_t count, std::size_t size, bool done = true) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t number = log.end();
      REQUIRE(log.append(record(number, size)));
      if (done) log.mark_done(number);
      if (i % 200 == 0) settle();  // the disk keeps up
    }
    settle();
  }
  fs::path logs(std::uint64_t kernel) const { return directory_ / "logs" / std::to_string(kernel); }
  std::vector<fs::path> segments(std::uint64_t kernel) const {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(logs(kernel))) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end(), [](const fs::path& a, const fs::path& b) {
      return std::stoull(a.stem().string()) < std::stoull(b.stem().string());
    });
    return paths;
  }
  std::string lines() const { return lines_.str(); }

 private:
  static constexpr KernelId kSentinel{~std::uint64_t{0}};
  const test::ScratchDirectory scratch_;
  fs::path directory_;
  std::ostringstream lines_;
  const wire::WakeFd woken_;

 public:
  std::shared_ptr<test::ManualClock> clock = std::make_shared<test::ManualClock>();
  EventLoop loop{clock};
  std::optional<LogStore> store;
};

struct StoreContents {
  std::vector<std::uint64_t> numbers;
  std::vector<Gap> gaps;

  std::uint64_t gap_bytes() const {
    std::uint64_t bytes = 0;
    for (const Gap& gap : gaps) bytes += gap.bytes;
    return bytes;
  }
  bool contains(std::uint64_t number) const {
    return std::binary_search(numbers.begin(), numbers.end(), number);
  }
};

void take(StoreContents& contents, const KernelLog::Records& read, std::uint64_t& from) {
  REQUIRE(read.next >= from);
  for (const Record& got : read.records) {
    REQUIRE(got.number >= from);
    REQUIRE(is_intact(got));
    REQUIRE(got.request.value == got.number / 10);
    contents.numbers.push_back(got.number);
    from = got.number + 1;
  }
  from = read.next;
}

StoreContents read_all(Store& s, KernelLog& log, std::uint64_t from = 1) {
  StoreContents contents;
  for (;;) {
    auto read = log.read(from, kReadAtOnce);
    if (std::holds_alternative<KernelLog::Nothing>(read)) return contents;
    if (const auto* gap = std::get_if<Gap>(&read)) {
      contents.gaps.push_back(*gap);
      from = gap->last + 1;
    } else if (auto* records = std::get_if<KernelLog::Records>(&read)) {
      REQUIRE(records->next > from);
      take(contents, *records, from);
    } else {
      bool done = false;
      log.fetch(from, kReadAtOnce, [&](KernelLog::Records fetched) {
        take(contents, fetched, from);
        done = true;
        s.wake();
      });
      s.until([&done] { return done; });
    }
  }
}

/// Of a log whose records all have `size` bytes.
void check_complete_but_for_gaps(const StoreContents& contents, std::uint64_t last,
                                 std::size_t size) {
  std::uint64_t gone = 0;
  for (const Gap& gap : contents.gaps) {
    gone += gap.last - gap.first + 1;
  }
  CHECK(contents.numbers.size() + gone == last);
  CHECK(contents.gap_bytes() == gone * size);
}

}  // namespace

TEST_CASE("A log that does not fit into memory is read from files, from any number on") {
  Store s;
  KernelLog log(KernelId{3}, {.memory_bytes = 128 << 10, .store = &*s.store});
  s.fill(log, 5000, 1000);
  CHECK(log.memory_bytes() <= 128 << 10);
  CHECK(log.bytes() == 5000 * 1000);
  CHECK(log.first() == 1);
  for (const std::uint64_t from : {1, 2, 777, 2500, 4000, 4999, 5000}) {
    const auto contents = read_all(s, log, from);
    CHECK(contents.gaps.empty());
    CHECK(contents.numbers.size() == 5001 - from);
  }
}

TEST_CASE("The files of a log are for their user alone, and go when the log is removed") {
  Store s;
  ::umask(0);
  {
    KernelLog log(KernelId{3}, {.memory_bytes = 0, .store = &*s.store});
    s.fill(log, 300, 1000);
    const auto mode = [](const fs::path& path) {
      return static_cast<unsigned>(fs::status(path).permissions());
    };
    CHECK(mode(s.logs(3)) == 0700);
    CHECK(mode(s.logs(3).parent_path()) == 0700);
    REQUIRE(s.segments(3).size() == 1);
    CHECK(s.segments(3).front().filename() == "1.segment");
    CHECK(mode(s.segments(3).front()) == 0600);
  }
  CHECK(fs::exists(s.logs(3)));
  s.store->remove(KernelId{3});
  s.settle();
  CHECK_FALSE(fs::exists(s.logs(3)));
}

TEST_CASE("A log takes a hundred thousand records") {
  Store s;
  KernelLog log(KernelId{3}, {.store = &*s.store});
  s.fill(log, 100000, 100);
  const auto contents = read_all(s, log);
  CHECK(contents.gaps.empty());
  CHECK(contents.numbers.size() == 100000);
  CHECK(log.released() == 100000);
}

TEST_CASE("Buffers of records are read from files as they were, also large ones") {
  Store s;
  KernelLog log(KernelId{3}, {.memory_bytes = 0, .store = &*s.store});
  Record made = record(1, 50, wire::Body::Output);
  made.packet.buffers.emplace_back(std::string(3 * kMiB, 'x'));
  made.packet.buffers.emplace_back();
  made.packet.buffers.emplace_back(std::string("short"));
  REQUIRE(log.append(std::move(made)));
  log.mark_done(1);
  s.settle();
  REQUIRE(std::holds_alternative<KernelLog::OnDisk>(log.read(1, 1)));
  std::vector<Record> records;
  log.fetch(1, 1, [&](KernelLog::Records read) { records = std::move(read.records); });
  s.until([&] { return !records.empty(); });
  CHECK(is_intact(records.front()));
  REQUIRE(records.front().packet.buffers.size() == 3);
  CHECK(records.front().packet.buffers[0].to_string_view() == std::string(3 * kMiB, 'x'));
  CHECK(records.front().packet.buffers[1].size() == 0);
  CHECK(records.front().packet.buffers[2].to_string_view() == "short");
}

TEST_CASE("A log's oldest segment goes when its files are too large, and the gap is exact") {
  Store s({.files = {.kernel_bytes = 2 * kMiB, .segment_bytes = kMiB / 4}});
  KernelLog log(KernelId{3}, {.memory_bytes = 0, .store = &*s.store});
  s.fill(log, 6000, 1000);
  std::uint64_t size = 0;
  for (const auto& path : s.segments(3)) size += fs::file_size(path);
  CHECK(size <= 2 * kMiB);
  CHECK(size > kMiB);
  const auto contents = read_all(s, log);
  REQUIRE(contents.gaps.size() == 1);
  CHECK(contents.gaps.front().first == 1);
  check_complete_but_for_gaps(contents, 6000, 1000);
  CHECK(log.bytes() == contents.numbers.size() * 1000);
}

TEST_CASE("When all files are too large, whoever has most loses its oldest") {
  Store s({.files = {.total_bytes = 2 * kMiB, .segment_bytes = kMiB / 4}});
  KernelLog small(KernelId{3}, {.memory_bytes = 0, .store = &*s.store});
  KernelLog large(KernelId{4}, {.memory_bytes = 0, .store = &*s.store});
  s.fill(small, 500, 1000);
  s.fill(large, 5000, 1000);
  CHECK(read_all(s, small).gaps.empty());
  const auto contents = read_all(s, large);
  REQUIRE(contents.gaps.size() == 1);
  check_complete_but_for_gaps(contents, 5000, 1000);
}

TEST_CASE("A record larger than a log may be is a gap, and others are not") {
  Store s({.files = {.kernel_bytes = kMiB}});
  KernelLog log(KernelId{3}, {.memory_bytes = 0, .store = &*s.store});
  s.fill(log, 1, 1000);
  s.fill(log, 1, 2 * kMiB);
  s.fill(log, 1, 1000);
  const auto contents = read_all(s, log);
  CHECK(contents.numbers == std::vector<std::uint64_t>{1, 3});
  REQUIRE(contents.gaps.size() == 1);
  CHECK(contents.gaps.front().bytes == 2 * kMiB);
}

TEST_CASE("Replies that wait for their host are not written; kept ones are, in their turn") {
  Store s;
  KernelLog log(KernelId{3}, {.memory_bytes = 0, .store = &*s.store});
  REQUIRE(log.append(record(1, 100, wire::Body::Result)));
  REQUIRE(log.append(record(2, 100, wire::Body::Result), true));
  log.mark_done(1);
  log.mark_done(2);
  s.fill(log, 1000, 100);
  CHECK(read_all(s, log).numbers.size() == 1002);
  log.drop_payload(1);
  log.drop_payload(2);
  CHECK(log.memory_bytes() <= 100 * 1000);
  const auto contents = read_all(s, log);
  CHECK(contents.gaps.empty());
  CHECK(contents.numbers.size() == 1001);
  CHECK(contents.numbers.front() == 2);
}

TEST_CASE("A log that is spilled is on disk but for what somebody waits for") {
  Store s;
  KernelLog log(KernelId{3}, {.store = &*s.store});
  s.fill(log, 100, 1000);
  REQUIRE(log.append(record(101, 1000, wire::Body::Result)));
  log.mark_done(101);
  while (log.spill() != KernelLog::Spilled::all) s.settle();
  s.settle();
  CHECK(log.memory_bytes() == 1000);
  CHECK(read_all(s, log).numbers.size() == 101);
}

TEST_CASE("A log is spilled at the pace of the disk, which is no problem of it") {
  Store s({.queue_bytes = 256 << 10});
  KernelLog log(KernelId{3}, {.store = &*s.store});
  s.fill(log, 900, 1000);
  unsigned waited = 0;
  for (auto spilled = log.spill(); spilled != KernelLog::Spilled::all; spilled = log.spill()) {
    if (spilled == KernelLog::Spilled::some) continue;
    ++waited;
    s.settle();
  }
  s.settle();
  CHECK(waited > 0);
  CHECK(log.memory_bytes() == 0);
  CHECK(s.store->problem().empty());
  CHECK(s.lines().empty());
  CHECK(read_all(s, log).numbers.size() == 900);
}

/// No descriptor can be opened in this process while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit few = before_;
    few.rlim_cur = 64;  // not none, which poll(2) does not take
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    do {
      taken_.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    } while (taken_.back());
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<Fd> taken_;
};

TEST_CASE("A segment that cannot be opened for a while is read later, and nothing of it is lost") {
  Store s;
  KernelLog log(KernelId{3}, {.memory_bytes = 64 << 10, .store = &*s.store});
  s.fill(log, 1000, 1000);
  REQUIRE(std::holds_alternative<KernelLog::OnDisk>(log.read(1, 1)));
  KernelLog::Records fetched;
  {
    const NoDescriptors none;
    log.fetch(1, kReadAtOnce, [&](KernelLog::Records records) { fetched = std::move(records); });
    for (int i = 0; i < 3; ++i) {
      s.settle();
      CHECK(fetched.records.empty());
      s.clock->advance(101ms);
    }
  }
  s.until([&] { return !fetched.records.empty(); });
  CHECK(fetched.records.front().number == 1);
  CHECK(read_all(s, log).numbers.size() == 1000);
  CHECK(s.lines().empty());
}

// UndefinedBehaviorSanitizer looks at what the logger gets with a pipe, for which there is no
// descriptor.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("A segment that stays unreadable is a gap in the end, and its file stays") {
  Store s;
  KernelLog log(KernelId{3}, {.memory_bytes = 64 << 10, .store = &*s.store});
  s.fill(log, 1000, 1000);
  const auto segments = s.segments(3);
  const NoDescriptors none;
  bool fetched = false;
  log.fetch(1, kReadAtOnce, [&](const KernelLog::Records& records) {
    CHECK(records.records.empty());
    fetched = true;
  });
  for (int i = 0; i < 60 && !fetched; ++i) {
    s.settle();
    s.clock->advance(101ms);
  }
  REQUIRE(fetched);
  CHECK(std::holds_alternative<Gap>(log.read(1, 1)));
  for (const auto& segment : segments) CHECK(fs::exists(segment));
}
#endif

TEST_CASE("P4: a full disk costs old records, whose gap is told, and no reply") {
  test::ScratchDirectory mount_point;
  const bool mounted =
      ::mount("tmpfs", mount_point.path().c_str(), "tmpfs", 0, "size=1m,mode=0700") == 0;
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  // Without the right to mount: no file may be larger.
  const rlimit small{kMiB / 2, before.rlim_max};
  if (!mounted) ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string how = mounted ? "a tmpfs of 1 MiB" : "RLIMIT_FSIZE of 512 KiB";
  MESSAGE(how);
  {
    Store s({.directory = mount_point.path()});
    KernelLog log(KernelId{3}, {.memory_bytes = 64 << 10, .store = &*s.store});
    REQUIRE(log.append(record(1, 1000, wire::Body::Result)));
    log.mark_done(1);
    s.fill(log, 2999, 1000);
    CHECK(s.store->problem().starts_with("cannot write the log of kernel 3: "));
    CHECK(s.store->problem(KernelId{3}) == s.store->problem());
    CHECK(s.store->problem(KernelId{4}).empty());
    MESSAGE(s.store->problem());
    CHECK(s.lines().find("OB701") != std::string::npos);
    CHECK(s.lines().find("OB701") == s.lines().rfind("OB701"));
    auto contents = read_all(s, log);
    CHECK(contents.numbers.front() == 1);
    CHECK(contents.contains(2));
    // Where only a file's size is limited, what was queued got another file.
    const std::size_t gaps = mounted ? 1 : 2;
    CHECK(contents.gaps.size() == gaps);
    check_complete_but_for_gaps(contents, 3000, 1000);

    // With room again, and after a while, it is written again.
    if (mounted)
      REQUIRE(::mount("", mount_point.path().c_str(), "tmpfs", MS_REMOUNT, "size=16m") == 0);
    else
      ::setrlimit(RLIMIT_FSIZE, &before);
    s.clock->advance(5001ms);
    s.fill(log, 3000, 1000);
    CHECK(s.store->problem().empty());
    CHECK(s.lines().find("OB702") != std::string::npos);
    contents = read_all(s, log);
    CHECK(contents.gaps.size() == gaps);
    CHECK(contents.gaps.back().last < 3100);
    check_complete_but_for_gaps(contents, 6000, 1000);
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  if (mounted) ::umount(mount_point.path().c_str());
}

TEST_CASE("A directory that cannot be made, or goes away, costs records and comes back") {
  const test::ScratchDirectory scratch;
  std::ofstream(scratch.path() / "file");
  Store s({.directory = scratch.path() / "file"});
  KernelLog log(KernelId{3}, {.memory_bytes = 0, .store = &*s.store});
  s.fill(log, 300, 1000);
  CHECK(s.store->problem() == "cannot write the log of kernel 3: Not a directory");
  fs::remove(scratch.path() / "file");
  s.clock->advance(5001ms);
  s.fill(log, 300, 1000);
  CHECK(s.store->problem().empty());
  auto contents = read_all(s, log);
  CHECK(contents.gaps.size() == 1);
  check_complete_but_for_gaps(contents, 600, 1000);
  CHECK(contents.numbers.size() > 200);

  fs::remove_all(scratch.path() / "file");
  contents = read_all(s, log);  // finds that its files are gone
  CHECK(contents.numbers.size() < 300);
  check_complete_but_for_gaps(contents, 600, 1000);
  s.fill(log, 300, 1000);
  s.clock->advance(5001ms);
  s.fill(log, 300, 1000);
  contents = read_all(s, log);
  CHECK(contents.contains(1200));
  CHECK(contents.numbers.size() > 250);
  check_complete_but_for_gaps(contents, 1200, 1000);
}

TEST_CASE("P4: a disk that hangs costs old records and holds up nobody") {
  const test::ScratchDirectory scratch;
  // Opening it for writing waits for a reader.
  fs::create_directories(scratch.path() / "logs" / "3");
  ::chmod((scratch.path() / "logs").c_str(), 0700);
  const fs::path fifo = scratch.path() / "logs" / "3" / "2.segment";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  Store s({.directory = scratch.path(), .queue_bytes = 512 << 10});
  KernelLog log(KernelId{3}, {.memory_bytes = 64 << 10, .store = &*s.store});
  REQUIRE(log.append(record(1, 1000, wire::Body::Result)));
  log.mark_done(1);
  for (std::uint64_t n = 2; n <= 3000; ++n) {
    REQUIRE(log.append(record(n, 1000)));
    log.mark_done(n);
    if (n % 100 == 0) s.loop.poll({}, 0);
  }
  CHECK(s.store->problem() == "cannot write the log of kernel 3: the disk does not keep up");
  CHECK(log.memory_bytes() < 80 << 10);
  CHECK(log.released() == 3000);
  const auto read = log.read(1, 1);
  REQUIRE(std::holds_alternative<KernelLog::Records>(read));
  CHECK(is_intact(std::get<KernelLog::Records>(read).records.front()));
  CHECK(std::holds_alternative<KernelLog::Records>(log.read(2990, kReadAtOnce)));

  // It goes on. What had been queued went into a pipe, or was refused by it.
  const Fd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  REQUIRE(reader);
  bool written = false;
  s.store->open(KernelId{99}, [](auto, auto, auto) {});
  s.store->fetch(KernelId{99}, 1, 1, 1, [&written](auto, auto) { written = true; });
  std::string sink(kMiB, '\0');
  s.until([&] {
    while (::read(reader.get(), sink.data(), sink.size()) > 0) continue;
    return written;
  });
  s.clock->advance(5001ms);
  s.fill(log, 1000, 1000);
  CHECK(s.store->problem().empty());
  const auto contents = read_all(s, log);
  CHECK(contents.numbers.front() == 1);
  CHECK(contents.numbers.size() > 900);
  check_complete_but_for_gaps(contents, 4000, 1000);
}

TEST_CASE("A store whose disk hangs ends within a few seconds") {
  const test::ScratchDirectory scratch;
  fs::create_directories(scratch.path() / "logs" / "3");
  ::chmod((scratch.path() / "logs").c_str(), 0700);
  const fs::path fifo = scratch.path() / "logs" / "3" / "1.segment";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const auto start = std::chrono::steady_clock::now();
  {
    Store s({.directory = scratch.path()});
    KernelLog log(KernelId{3}, {.memory_bytes = 0, .store = &*s.store});
    REQUIRE(log.append(record(1, 1000)));
    log.mark_done(1);
  }
  CHECK(std::chrono::steady_clock::now() - start < 10s);
  // Lets its thread go.
  const Fd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

TEST_CASE("A damaged segment is read up to the damage, and the rest is a gap") {
  Store s({.files = {.segment_bytes = kMiB / 4}});
  KernelLog log(KernelId{3}, {.memory_bytes = 0, .store = &*s.store});
  s.fill(log, 2000, 1000);
  const auto segments = s.segments(3);
  REQUIRE(segments.size() > 3);
  const auto flip = [](const fs::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.put('\xFF');
  };
  flip(segments[1], static_cast<std::streamoff>(fs::file_size(segments[1]) / 2));
  fs::resize_file(segments[2], fs::file_size(segments[2]) / 2);
  fs::remove(segments[3]);
  // Each when it is found.
  auto contents = read_all(s, log);
  CHECK(contents.gaps.size() == 3);
  check_complete_but_for_gaps(contents, 2000, 1000);
  CHECK(s.lines().find("OB703") != std::string::npos);
  // As far as they go, once they are known.
  contents = read_all(s, log);
  CHECK(contents.gaps.size() == 2);
  for (const Gap& gap : contents.gaps) CHECK(gap.exact);
  check_complete_but_for_gaps(contents, 2000, 1000);
  s.fill(log, 300, 1000);
  CHECK(read_all(s, log).contains(2300));
}

TEST_CASE("Logs of earlier brokers are removed once they are old, and others are not") {
  const test::ScratchDirectory scratch;
  const fs::path logs = scratch.path() / "logs";
  for (const auto* name : {"11", "12", "13", "other"}) {
    fs::create_directories(logs / name);
    std::ofstream(logs / name / "1.segment") << "text";
    fs::last_write_time(logs / name / "1.segment", fs::file_time_type::clock::now() - 2h);
    fs::last_write_time(logs / name, fs::file_time_type::clock::now() - 2h);
  }
  std::ofstream(logs / "12" / "2.segment") << "new";
  ::chmod(logs.c_str(), 0700);
  Store s({.directory = scratch.path()});
  s.settle();
  CHECK_FALSE(fs::exists(logs / "11"));
  CHECK(fs::exists(logs / "12"));
  CHECK_FALSE(fs::exists(logs / "13"));
  CHECK(fs::exists(logs / "other"));
}

TEST_CASE("A log agrees with what was appended, whatever is done, dropped and read in between") {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&random](std::uint64_t n) { return random() % n; };
    Store s({.files = {.kernel_bytes = kMiB / 2, .segment_bytes = kMiB / 16}});
    KernelLog log(KernelId{3}, {.memory_bytes = below(60) << 10, .store = &*s.store});
    struct Said {
      bool reply, done, acknowledged;
    };
    std::vector<Said> said{{}};
    const auto check = [&] {
      s.settle();
      const auto contents = read_all(s, log);
      for (std::uint64_t n = 1; n < said.size(); ++n) {
        const bool nothing = said[n].reply && said[n].acknowledged;
        const bool needed = said[n].reply ? !said[n].acknowledged : !said[n].done;
        if (needed) REQUIRE(contents.contains(n));
        if (nothing) REQUIRE_FALSE(contents.contains(n));
        if (!nothing && !contents.contains(n))
          REQUIRE(std::any_of(contents.gaps.begin(), contents.gaps.end(),
                              [n](const Gap& gap) { return gap.first <= n && n <= gap.last; }));
      }
    };
    for (int step = 0; step < 6000; ++step) {
      if (below(10) < 4 || said.size() < 2) {
        const bool reply = below(4) == 0;
        REQUIRE(log.append(
            record(log.end(), below(2000), reply ? wire::Body::Result : wire::Body::Output)));
        said.push_back({reply, false, false});
      } else {
        const std::uint64_t back = below(3) != 0 ? 30 : log.last();
        const std::uint64_t n = log.last() - below(std::min(back, log.last()));
        if (below(3) == 0 && said[n].reply) {
          log.drop_payload(n);
          said[n].acknowledged = true;
        } else {
          log.mark_done(n);
          said[n].done = true;
        }
      }
      if (step % 50 == 0) s.settle();
      if (step % 1000 == 0) check();
    }
    check();
  }
}
