// A kernel whose language is one command a line, for tests of the runtime: everything that an
// engine and its code may do to a runtime, and nothing else.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "oast/kernel/runtime.hpp"

namespace oast::kernel {

namespace {

using namespace std::chrono_literals;

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && errno != EINTR) return;
  }
}

class ToyEngine final : public Engine {
 public:
  explicit ToyEngine(Services& services) : services_(services) {}

  Value eval(const EvalRequest& request) override;
  Value call(const CallRequest& request) override;
  Completions complete(std::string_view code, std::uint32_t cursor) override {
    return {{std::string(code) + "!"}, 0, cursor};
  }
  std::optional<std::string> inspect(std::string_view code, std::uint32_t, int) override {
    if (code == "nothing") return std::nullopt;
    return "about " + std::string(code);
  }
  Completeness is_complete(std::string_view) override { return {CodeStatus::incomplete, "  "}; }
  void interrupt() noexcept override { stop_ = true; }

 private:
  Value run(const std::string& verb, const std::string& rest, const EvalRequest& request);
  Value print(const std::string& verb, const std::string& text);
  Value wait(const std::string& verb, const std::string& rest);
  Value channel(const std::string& verb, const std::string& rest);
  Value fail(const std::string& verb, const std::string& rest);
  Value die(const std::string& verb, const std::string& rest);
  Value ask(const std::string& prompt);
  void check() const {
    if (stop_ || services_.interrupted()) throw Interrupted{};
  }

  Services& services_;
  std::atomic<bool> stop_ = false;
};

Value ToyEngine::eval(const EvalRequest& request) {
  stop_ = false;
  std::istringstream lines{std::string(request.code)};
  Value value;
  for (std::string line; std::getline(lines, line);) {
    const auto space = line.find(' ');
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    value = run(line.substr(0, space), rest, request);
  }
  return request.want_value ? value : Value{};
}

Value ToyEngine::call(const CallRequest& request) {
  if (request.function != "list") throw Error(FailureKind::not_found, "no such function");
  return Value(Value::List(request.args));
}

Value ToyEngine::run(const std::string& verb, const std::string& rest, const EvalRequest& request) {
  if (verb == "echo") return rest;
  if (verb == "args") return Value(Value::List(request.args));
  if (verb == "source") return std::string(request.source_name);
  if (verb == "ask") return ask(rest);
  if (verb == "system") return std::system(rest.c_str());
  static const std::map<std::string, Value (ToyEngine::*)(const std::string&, const std::string&)>
      verbs = {{"print", &ToyEngine::print},     {"eprint", &ToyEngine::print},
               {"raw", &ToyEngine::print},       {"eraw", &ToyEngine::print},
               {"flood", &ToyEngine::print},     {"later", &ToyEngine::print},
               {"sleep", &ToyEngine::wait},      {"read", &ToyEngine::wait},
               {"spin", &ToyEngine::wait},       {"tick", &ToyEngine::wait},
               {"channel", &ToyEngine::channel}, {"put", &ToyEngine::channel},
               {"take", &ToyEngine::channel},    {"ready", &ToyEngine::channel},
               {"close", &ToyEngine::channel},   {"raise", &ToyEngine::fail},
               {"throw", &ToyEngine::fail},      {"deep", &ToyEngine::fail},
               {"nomemory", &ToyEngine::fail},   {"exit", &ToyEngine::die},
               {"crash", &ToyEngine::die},       {"abort", &ToyEngine::die}};
  const auto found = verbs.find(verb);
  if (found == verbs.end()) throw Error(FailureKind::remote_exception, "no such verb: " + verb);
  return (this->*found->second)(verb, rest);
}

Value ToyEngine::ask(const std::string& prompt) {
  const auto line = services_.input(prompt, false);
  return line ? Value(*line) : Value("<eof>");
}

Value ToyEngine::print(const std::string& verb, const std::string& text) {
  if (verb == "print") services_.output(Stream::out, text);
  if (verb == "eprint") services_.output(Stream::err, text);
  if (verb == "raw") write_all(STDOUT_FILENO, text);
  if (verb == "eraw") write_all(STDERR_FILENO, text);
  if (verb == "later") {  // from a thread of the engine's own: the line that comes from a FIFO
    std::thread([this, text] {
      std::string line;
      std::ifstream fifo(text);
      if (std::getline(fifo, line)) services_.output(Stream::out, line);
    }).detach();
  }
  if (verb == "flood") {
    const std::string line(99, 'x');
    for (long i = std::stol(text); i > 0; i -= 100) {
      check();
      services_.output(Stream::out, line + "\n");
    }
  }
  return {};
}

Value ToyEngine::wait(const std::string& verb, const std::string& rest) {
  if (verb == "tick") {  // a while that is good for races: ends either way
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(std::stoi(rest));
    while (std::chrono::steady_clock::now() < end) check();
    check();
    return services_.interrupted() ? "late" : "tick";
  }
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(std::stoi("0" + rest));
  std::array<int, 2> silent{};
  if (verb == "read" && ::pipe2(silent.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  for (;;) {
    char byte = 0;
    if (verb == "read") static_cast<void>(::read(silent[0], &byte, 1));
    if (verb == "sleep") ::poll(nullptr, 0, std::stoi("0" + rest));
    if (stop_ || services_.interrupted()) break;
    if (!rest.empty() && std::chrono::steady_clock::now() >= end) return verb;
  }
  if (verb == "read") {
    ::close(silent[0]);
    ::close(silent[1]);
  }
  throw Interrupted{};
}

Value ToyEngine::channel(const std::string& verb, const std::string& rest) {
  std::istringstream words(rest);
  std::uint64_t number = 0;
  std::int64_t value = 0;
  words >> number >> value;
  const ChannelId id{number};
  if (verb == "channel") return services_.make_channel(number).value;
  if (verb == "put") services_.put(id, value);
  if (verb == "ready") return services_.ready(id);
  if (verb == "close") services_.close(id);
  if (verb != "take") return {};
  auto taken = services_.take(id);
  return taken ? std::move(*taken) : Value("<closed>");
}

Value ToyEngine::fail(const std::string& verb, const std::string& rest) {
  if (verb == "raise") {
    Failure failure;
    failure.message = rest;
    failure.type = "ToyError";
    failure.traceback = {"outer", "inner"};
    throw Error(failure);
  }
  if (verb == "nomemory") throw std::bad_alloc();
  if (verb == "throw") throw std::runtime_error(rest);
  Value value;
  for (int i = 0; i < 100; ++i) {
    Value::List outer;
    outer.push_back(std::move(value));
    value = std::move(outer);
  }
  return value;
}

Value ToyEngine::die(const std::string& verb, const std::string& rest) {
  if (verb == "exit") services_.exit(std::stoi(rest));
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (verb == "abort") {
    write_all(STDERR_FILENO, rest);
    std::abort();
  }
  // An address that is no memory, and that no compiler or sanitizer knows better than to touch.
  void* page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<volatile char*>(page) = 1;
  return {};
}

}  // namespace

}  // namespace oast::kernel

int main() {
  return oast::kernel::run_kernel([](oast::kernel::Services& services) {
    if (const char* words = std::getenv("OAST_TOY_ABORT")) {
      oast::kernel::write_all(STDERR_FILENO, words);
      std::abort();
    }
    return std::make_unique<oast::kernel::ToyEngine>(services);
  });
}
