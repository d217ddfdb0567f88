#include "services.hpp"

#include <unistd.h>

#include <chrono>
#include <memory>
#include <utility>

#include "oast/utf8.hpp"
#include "replies.hpp"

namespace oast::kernel {

namespace {

constexpr std::size_t kLongestPrompt = std::size_t{64} * 1024;
constexpr std::uint32_t kInputBlock = 64 * 1024;
/// libzmq does not say when it has sent something.
constexpr std::chrono::milliseconds kLookAgain{1};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): what the thread runs
thread_local std::shared_ptr<const LaneRun> run_of_thread;

/// nullptr: the thread runs no request of a lane other than 0.
const LaneRun* lane_run() noexcept {
  return run_of_thread && !run_of_thread->ended() ? run_of_thread.get() : nullptr;
}

}  // namespace

void RuntimeServices::run_here(std::shared_ptr<const LaneRun> run) {
  run_of_thread = std::move(run);
}

bool RuntimeServices::interrupted_here() const noexcept {
  const LaneRun* run = lane_run();
  return run != nullptr ? run->pending() : shared_.gate.pending();
}

template <class Send>
void RuntimeServices::send_text(std::string_view text, const Send& send) {
  do {
    const std::string_view piece = text.substr(0, OutputBuffer::kChunk);
    wait_for_room();
    text.remove_prefix(piece.size());
    send(piece);
    if (control_ != nullptr) control_->attend();
  } while (!text.empty());
}

void RuntimeServices::output(Stream stream, std::string_view text) {
  send_text(text, [&](std::string_view piece) { shared_.outputs.text(stream, piece); });
}

void RuntimeServices::output_of(RequestKey owner, Stream stream, std::string_view text) {
  send_text(text, [&](std::string_view piece) { shared_.outputs.text_of(owner, stream, piece); });
}

void RuntimeServices::output_at_end(Stream stream, std::string_view text) {
  shared_.outputs.text(stream, text);
}

void RuntimeServices::display(RequestKey owner, const Display& display) {
  wait_for_room();
  shared_.outputs.display(owner, display);
}

void RuntimeServices::clear_output(RequestKey owner, bool wait) {
  wait_for_room();
  shared_.outputs.clear(owner, wait);
}

void RuntimeServices::flush() {
  wait_for_room();
  shared_.outputs.pump();
  shared_.outputs.flush();
  // What is too large to be kept would be lost with this process, and what comes behind it.
  const auto left = [this] { return shared_.outbox.unsent() == 0 || wait_is_over(); };
  while (!left()) wait(left, WaitQueue::Clock::now() + kLookAgain);
}

bool RuntimeServices::wait_is_over() const noexcept {
  // What other threads say need not belong to the request that is interrupted.
  const bool runs = on_engine_thread() || lane_run() != nullptr;
  return shared_.intake.closed() || (runs && interrupted_here());
}

void RuntimeServices::wait_for_room() {
  if (shared_.outbox.room()) return;
  const bool engine = on_engine_thread();
  wait([&] { return shared_.outbox.room() || wait_is_over(); });
  if (shared_.outbox.room()) return;
  // The code has been told to end, and what it says meanwhile shall still be sent.
  if (engine && shared_.intake.closed() && std::exchange(told_to_end_, interrupted())) return;
  if (!engine || interrupted()) throw Interrupted{};
}

void RuntimeServices::wait_to_reply() {
  if (shared_.outbox.room()) return;
  wait([&] { return shared_.outbox.room() || interrupted() || shared_.intake.closed(); });
}

void RuntimeServices::wait_to_reply(const LaneRun& run) {
  if (shared_.outbox.room()) return;
  wait([&] { return shared_.outbox.room() || run.interrupted() != 0 || shared_.intake.closed(); });
}

void RuntimeServices::wait(const std::function<bool()>& done,
                           std::optional<WaitQueue::Clock::time_point> deadline) {
  if (!on_engine_thread())
    shared_.waiters.wait(done, deadline);
  else if (shared_.data)
    shared_.data->wait(done, deadline);
}

std::optional<std::string> RuntimeServices::input(std::string_view prompt, bool password) {
  const auto running = shared_.gate.running();
  if (!running) return std::nullopt;
  wire::InputRequestT request;
  request.prompt = to_utf8(prompt, kLongestPrompt);
  request.password = password;
  return ask(running->key, request);
}

std::string RuntimeServices::read_input(std::size_t most) {
  return input_.read(most, [this]() -> std::string {
    const auto running = shared_.gate.running();
    if (!running) return {};
    wire::InputRequestT request;
    request.block_bytes = kInputBlock;
    return ask(running->key, request).value_or("");
  });
}

std::optional<std::string> RuntimeServices::ask(RequestKey key, wire::InputRequestT request) {
  shared_.outputs.pump();
  shared_.outputs.flush();
  return shared_.input.ask(key, request.block_bytes != 0, wait_, [&](std::uint64_t ask) {
    request.ask = ask;
    shared_.outbox.send(key.host, wire::pack(key.id, request, wire::kNumberLater));
  });
}

void RuntimeServices::exit(int code) {
  leave_(code);
  ::_exit(code);
}

}  // namespace oast::kernel
