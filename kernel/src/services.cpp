#include "services.hpp"

#include <unistd.h>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "replies.hpp"
#include "utf8_repair.hpp"

namespace oast::kernel {

namespace {

using namespace std::chrono_literals;

/// ZeroMQ does not say when bytes have left: look again.
constexpr auto kRoomAgain = 5ms;
/// Text that is sent without a look at how much is under way.
constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::size_t kLongestPrompt = std::size_t{64} * 1024;

}  // namespace

struct RuntimeServices::Operation {
  ChannelTable::Outcome outcome;     // before `done`
  std::atomic<bool> waited = false;  // a thread waits rather than looks
  std::atomic<bool> done = false;
};

template <class Send>
void RuntimeServices::send_text(std::string_view text, const Send& send) {
  do {
    const std::string_view piece = text.substr(0, kPiece);
    text.remove_prefix(piece.size());
    send(piece);
    if (control_ != nullptr) control_->attend();
    wait_for_room();
  } while (!text.empty());
}

void RuntimeServices::output(Stream stream, std::string_view text) {
  send_text(text, [&](std::string_view piece) { shared_.outputs.text(stream, piece); });
}

void RuntimeServices::output_of(RequestKey owner, Stream stream, std::string_view text) {
  send_text(text, [&](std::string_view piece) { shared_.outputs.text_of(owner, stream, piece); });
}

void RuntimeServices::flush() {
  shared_.outputs.pump();
  shared_.outputs.flush();
}

void RuntimeServices::wait_for_room() {
  while (shared_.outputs.congested() && !stopped()) {
    const auto ready = [this] { return !shared_.outputs.congested() || stopped(); };
    wait(ready, WaitQueue::Clock::now() + kRoomAgain);
  }
}

void RuntimeServices::wait(const std::function<bool()>& done,
                           std::optional<WaitQueue::Clock::time_point> deadline) {
  if (std::this_thread::get_id() != engine_)
    shared_.waiters.wait(done, deadline);
  else if (shared_.data)
    shared_.data->wait(done, deadline);
}

std::optional<std::string> RuntimeServices::input(std::string_view prompt, bool password) {
  const auto running = shared_.gate.running();
  if (!running) return std::nullopt;
  flush();
  wire::InputRequestT request;
  request.prompt = to_utf8(prompt, kLongestPrompt);
  request.password = password;
  shared_.input.open(running->key);
  shared_.send(running->key.host, wire::pack(running->key.id, request));
  shared_.data->wait([this] { return shared_.input.answered() || stopped(); });
  const bool answered = shared_.input.answered();
  auto line = shared_.input.close();
  if (!answered) throw Interrupted{};
  return line;
}

template <class Start>
ChannelTable::Outcome RuntimeServices::operate(const Start& start) {
  // No host is peer 0, so the pair is the engine's own.
  const RequestKey self{PeerId{}, RequestId{++operations_}};
  const auto operation = std::make_shared<Operation>();
  start(self, [operation, &shared = shared_](ChannelTable::Outcome outcome) {
    operation->outcome = std::move(outcome);
    operation->done = true;
    if (operation->waited) shared.notify();
  });
  if (!operation->done) {
    operation->waited = true;
    wait([&] { return operation->done || stopped(); });
    if (!operation->done && shared_.channels.cancel(self)) throw Interrupted{};
    // Not parked any more: another thread is completing it right now.
    while (!operation->done) std::this_thread::yield();
  }
  return std::move(operation->outcome);
}

void RuntimeServices::put(ChannelId channel, Value value) {
  auto outcome = operate([&](RequestKey self, ChannelTable::Done done) {
    shared_.channels.put(channel, self, std::move(value), std::move(done));
  });
  if (auto* failure = std::get_if<Failure>(&outcome)) raise(std::move(*failure));
}

std::optional<Value> RuntimeServices::take(ChannelId channel) {
  auto outcome = operate([&](RequestKey self, ChannelTable::Done done) {
    shared_.channels.take(channel, self, std::move(done));
  });
  auto* failure = std::get_if<Failure>(&outcome);
  if (failure == nullptr) return std::get<Value>(std::move(outcome));
  if (failure->kind == FailureKind::not_found && shared_.channels.existed(channel))
    return std::nullopt;
  raise(std::move(*failure));
}

bool RuntimeServices::ready(ChannelId channel) {
  const auto outcome = shared_.channels.ready(channel);
  const auto* value = std::get_if<Value>(&outcome);
  if (value == nullptr && !shared_.channels.existed(channel)) raise(std::get<Failure>(outcome));
  return value != nullptr && *value == Value(true);
}

void RuntimeServices::close(ChannelId channel) {
  auto outcome = shared_.channels.close(channel);
  auto* failure = std::get_if<Failure>(&outcome);
  // Closing twice is no mistake.
  if (failure != nullptr && !shared_.channels.existed(channel)) raise(std::move(*failure));
}

void RuntimeServices::exit(int code) {
  leave_(code);
  ::_exit(code);
}

}  // namespace oast::kernel
