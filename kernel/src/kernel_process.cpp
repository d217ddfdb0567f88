#include "kernel_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <utility>

#include "broker_process.hpp"
#include "oast/dial.hpp"
#include "signal_handlers.hpp"

namespace oast::kernel {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kDialTimeout = 30s;

std::optional<Clock::time_point> deadline_of(std::optional<std::chrono::milliseconds> timeout) {
  if (!timeout) return std::nullopt;
  return Clock::now() + *timeout;
}

}  // namespace

Fd take_stdin() {
  Fd launcher(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (launcher.get() < 0 || null.get() < 0 || ::dup2(null.get(), STDIN_FILENO) < 0)
    throw std::system_error(errno, std::generic_category(), "cannot take stdin over");
  return launcher;
}

KernelProcess::KernelProcess(Options options)
    : options_(std::move(options)), shared_(options_.interrupt_signal.value_or(SIGUSR1)) {
  if (options_.interrupt_signal)
    keep_handlers(*options_.interrupt_signal);
  else
    install_handlers(shared_.gate);
  keep_last_words(shared_.capture, nullptr);
  if (options_.separate_queries) shared_.intake.separate_queries();
  if (options_.separate_lanes) shared_.intake.separate_lanes();
}

KernelProcess::~KernelProcess() {
  disconnect();
  forget_last_words();
}

void KernelProcess::connect(const LaunchDetails& details, Fd launcher) {
  const SignalsBlocked for_threads_of_zeromq;
  wire::HelloT hello;
  hello.role = wire::Role::kernel;
  hello.token = details.token;
  hello.name = details.name;
  hello.pid = ::getpid();
  auto connection =
      wire::dial(context_, details.control, details.data, std::move(hello), kDialTimeout);
  shared_.outbox.limit(connection.window_bytes);
  // Nothing that this process starts is to have the descriptor.
  if (const Fd file(details.outbox); file)
    shared_.outbox.keep_in(std::make_unique<wire::OutboxWriter>(file));
  shared_.data = std::make_unique<wire::SharedSocket>(
      std::move(connection.data), wire::Limits{},
      [this](wire::Addressed&& received) { dispatcher_.handle(std::move(received)); },
      wire::SharedSocket::Poll{},
      [this](const wire::Refused& refused) { dispatcher_.refuse(refused); });
  control_ = std::make_unique<Control>(
      shared_, std::move(connection.control),
      Control::Watched{std::move(launcher), broker_process(details.control), details.grace},
      options_.on_interrupt);
  services_.connect(*control_);
  keep_last_words(shared_.capture, control_.get());
}

std::optional<Request> KernelProcess::take() {
  auto request = shared_.intake.next();
  if (!request) return request;
  shared_.outputs.begin(request->key());
  services_.begin_request();
  control_->attend();
  return request;
}

std::optional<Request> KernelProcess::next() {
  for (;;) {
    // That nothing waits any more is no end: what did may have been cancelled since.
    shared_.data->wait([this] { return shared_.intake.waiting(); });
    if (auto request = take()) return request;
    if (shared_.intake.closed() || shared_.data->closed()) return std::nullopt;
  }
}

KernelProcess::Next KernelProcess::next_within(std::optional<std::chrono::milliseconds> timeout) {
  const auto deadline = deadline_of(timeout);
  const auto waiting = [this] { return shared_.intake.waiting(); };
  for (;;) {
    if (auto request = take()) return {Why::request, std::move(request)};
    if (shared_.intake.closed() || shared_.data->closed()) return {Why::ended};
    if (others_receive_ && timeout == 0ms) return {Why::timeout};
    bool signalled = false;
    if (shared_.data->wait(waiting, deadline, signalled)) continue;
    if (signalled) return {Why::signalled};
    if (deadline && Clock::now() >= *deadline) return {Why::timeout};
  }
}

KernelProcess::Next KernelProcess::next_query(std::optional<std::chrono::milliseconds> timeout) {
  const auto deadline = deadline_of(timeout);
  for (;;) {
    if (auto query = shared_.intake.next_query()) return {Why::request, std::move(query)};
    if (shared_.intake.closed()) return {Why::ended};
    if (deadline && Clock::now() >= *deadline) return {Why::timeout};
    // As in `next`.
    shared_.waiters.wait([this] { return shared_.intake.query_waiting(); }, deadline);
  }
}

KernelProcess::NextOfLanes KernelProcess::next_of_lanes(
    std::optional<std::chrono::milliseconds> timeout) {
  const auto deadline = deadline_of(timeout);
  for (;;) {
    // First, so that those which the end of the kernel interrupts are told.
    if (shared_.intake.take_interrupted()) return {Why::signalled};
    if (auto begun = shared_.intake.next_of_lanes()) {
      shared_.outputs.begin_first(begun->request.key());
      return {.why = Why::request, .begun = std::move(begun)};
    }
    if (shared_.intake.closed()) return {Why::ended};
    if (deadline && Clock::now() >= *deadline) return {Why::timeout};
    // As in `next`.
    shared_.waiters.wait([this] { return shared_.intake.lanes_eventful(); }, deadline);
  }
}

int KernelProcess::fd() {
  const int fd = shared_.intake.fd();
  if (!std::exchange(others_receive_, true)) control_->always_receive();
  return fd;
}

void KernelProcess::answer(const Request& request, wire::Packet reply) {
  services_.wait_to_reply();  // while an interrupt can still end that
  shared_.gate.end();
  shared_.outputs.finish();
  shared_.outbox.send(request.message.peer, std::move(reply));
}

void KernelProcess::answer(const Request& request, LaneRun& run, wire::Packet reply) {
  services_.wait_to_reply(run);  // while an interrupt can still end that
  run.end();
  shared_.outputs.finish_of(request.key());
  shared_.outbox.send(request.message.peer, std::move(reply));
  shared_.intake.end(run);
}

void KernelProcess::answer_query(const Request& query, wire::Packet reply) {
  shared_.outbox.send(query.message.peer, std::move(reply));
}

void KernelProcess::disconnect() {
  if (!shared_.data) return;
  shared_.outputs.finish();
  shared_.data->close();
  keep_last_words(shared_.capture, nullptr);
  control_.reset();
  shared_.data.reset();
}

/// Destroys nothing: other threads may be in any function.
void KernelProcess::leave(int code) {
  while (leaving_.exchange(true)) ::pause();
  std::fflush(nullptr);
  shared_.outputs.finish();
  if (shared_.data) {
    keep_last_words(shared_.capture, nullptr);
    shared_.data->finish();
    control_->stop();
  }
  context_.close();
  shared_.capture.give_back();
  ::_exit(code);
}

}  // namespace oast::kernel
