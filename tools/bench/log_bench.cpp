#include "log_bench.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>

#include "oast/fd.hpp"
#include "oast/log.hpp"

namespace oast::bench {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLines = 48'000;
constexpr std::size_t kPieces = 24;
constexpr double kMega = 1e6;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::size_t read_all(const fs::path& file) {
  static std::array<char, 1 << 18> block;
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::size_t bytes = 0;
  for (ssize_t n = 1; n > 0; bytes += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
    n = ::read(fd.get(), block.data(), block.size());
  return bytes;
}

/// MB/s.
double read_files(const fs::path& directory) {
  const auto begin = Clock::now();
  std::size_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) bytes += read_all(entry.path());
  return static_cast<double>(bytes) / kMega / seconds_since(begin);
}

double resident_mib(pid_t pid) {
  std::size_t pages = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/" + std::to_string(pid) + "/statm") >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

/// An output callback that does not return before it is told to.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    reached_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_until_reached() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return reached_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  bool open_ = false;
};

}  // namespace

Row replay(const Broker& broker, const fs::path& data_dir) {
  Worker worker = broker.start("lua");
  // In pieces, as the log takes what comes at the speed of the kernel, and the disk may be slower.
  for (std::size_t i = 0; i < kPieces; ++i) {
    const std::uint64_t first = worker.info().log_last + 1;
    worker.remote_eval_wait("local s = ('x'):rep(999) for i = 1, " +
                            std::to_string(kLines / kPieces) + " do print(s) end");
    // The piece does not fit into memory: its beginning is read behind all that is being written.
    broker.read_log(worker.id(), {.from = first}).next();
  }
  const auto begin = Clock::now();
  LogReader reader = broker.read_log(worker.id());
  std::size_t bytes = 0;
  while (const auto record = reader.next()) {
    if (const auto* output = std::get_if<Output>(&record->what)) bytes += output->text.size();
    if (std::holds_alternative<LogGap>(record->what)) throw std::runtime_error("a gap in the log");
  }
  const double rate = static_cast<double>(bytes) / kMega / seconds_since(begin);
  if (bytes != kLines * 1000) throw std::runtime_error("the log has not all that was printed");
  return {"log read again", rate, read_files(data_dir), "MB/s", {}};
}

std::vector<Row> memory_under_flood(const fs::path& daemon, pid_t broker,
                                    std::chrono::milliseconds time) {
  const Broker reader = Broker::connect(daemon.string(), {.name = "bench"});
  Worker worker = reader.start("lua");
  const pid_t kernel = worker.info().pid;
  const double broker_before = resident_mib(broker);
  const double kernel_before = resident_mib(kernel);
  Gate gate;
  EvalOptions options;
  options.on_output = [&](const Output&) { gate.wait(); };
  const auto flood =
      worker.remote_eval("local s = ('x'):rep(999) while true do print(s) end", std::move(options));
  gate.wait_until_reached();
  std::this_thread::sleep_for(time);  // the measurement itself
  std::vector<Row> rows = {
      {"memory of the broker, flooded", resident_mib(broker) - broker_before, {}, "MiB", {}},
      {"memory of the kernel, flooded", resident_mib(kernel) - kernel_before, {}, "MiB", {}}};
  gate.open();
  worker.kill();
  flood.wait_for(std::chrono::seconds(10));
  return rows;
}

}  // namespace oast::bench
