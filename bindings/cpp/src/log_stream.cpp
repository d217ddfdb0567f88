#include "log_stream.hpp"

#include <algorithm>
#include <utility>

#include "acknowledgements.hpp"

namespace oast::detail {

namespace {

/// The last number that it stands for.
std::uint64_t last_number(const wire::Addressed& message) {
  const wire::Message& root = message.packet.root();
  const auto* gap = root.body_as_Gap();
  return gap != nullptr ? gap->last() : root.number();
}

}  // namespace

/// Something may be there to take now. Unlocks.
void LogStream::change(Lock& lock) {
  ready_ = ended_ || !entries_.empty();
  std::function<void()> action;
  if (ready_) action.swap(action_);
  lock.unlock();
  if (action) action();
}

void LogStream::push(wire::Addressed&& message) {
  Lock lock(mutex_);
  const std::uint64_t number = last_number(message);
  // After a cut it may come over both connections.
  if (ended_ || number <= came_) return;
  came_ = number;
  entries_.push_back({std::move(message), {}});
  change(lock);
}

wire::Packet LogStream::ask() {
  const Lock lock(mutex_);
  wire::ReadLogT asked = asked_;
  asked.from = std::max(asked.from, came_ + 1);
  unacknowledged_ = 0;
  return wire::pack(id_, asked);
}

void LogStream::push(Failure failure) {
  Lock lock(mutex_);
  if (ended_) return;
  entries_.push_back({{}, std::move(failure)});
  change(lock);
}

void LogStream::finish(std::uint64_t next) {
  Lock lock(mutex_);
  if (ended_) return;
  ended_ = true;
  next_ = next;
  change(lock);
}

void LogStream::fail(Failure failure) {
  Lock lock(mutex_);
  if (ended_) return;
  ended_ = true;
  failure_ = std::move(failure);
  change(lock);
}

void LogStream::close() {
  Lock lock(mutex_);
  entries_.clear();
  ended_ = true;
  next_ = 0;
  failure_.reset();
  change(lock);
}

LogStream::Taken LogStream::take() {
  const Lock lock(mutex_);
  if (entries_.empty()) {
    if (failure_) raise(*failure_);
    if (next_ != 0) position_ = std::max<std::uint64_t>(next_, position_);
    return {};
  }
  Entry entry = std::move(entries_.front());
  entries_.pop_front();
  ready_ = ended_ || !entries_.empty();
  if (entry.failure) raise(*entry.failure);
  position_ = last_number(*entry.message) + 1;
  const std::uint64_t acknowledge = count(*entry.message);
  return {std::move(entry.message), acknowledge};
}

std::uint64_t LogStream::count(const wire::Addressed& message) {
  unacknowledged_ += message.packet.bytes();
  if (unacknowledged_ < Acknowledgements::kWorthTelling) return 0;
  unacknowledged_ = 0;
  return last_number(message);
}

void LogStream::when_ready(std::function<void()> action) {
  Lock lock(mutex_);
  action.swap(action_);
  const std::function<void()> earlier = std::move(action);
  change(lock);
  if (earlier) earlier();
}

bool LogStreams::add(const std::shared_ptr<LogStream>& stream) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  streams_.emplace(stream->id(), stream);
  return true;
}

bool LogStreams::remove(RequestId id) {
  const std::lock_guard lock(mutex_);
  return streams_.erase(id) > 0;
}

std::shared_ptr<LogStream> LogStreams::find(RequestId id) const {
  const std::lock_guard lock(mutex_);
  const auto at = streams_.find(id);
  return at == streams_.end() ? nullptr : at->second;
}

bool LogStreams::take_in(wire::Addressed& message) {
  const wire::Message& root = message.packet.root();
  const RequestId id = message.route.reader ? message.route.reader : RequestId{root.id()};
  const auto stream = find(id);
  if (!stream) return static_cast<bool>(message.route.reader);
  if (const auto* end = root.body_as_LogEnd()) {
    remove(id);
    stream->finish(end->next());
  } else if (const auto* failure = root.body_as_Failure(); failure && root.number() == 0) {
    remove(id);
    stream->fail(wire::read(*failure));
  } else {
    stream->push(std::move(message));
  }
  return true;
}

bool LogStreams::take_in(const wire::Refused& refused) {
  const auto stream = find(refused.route.reader);
  if (stream) stream->push(refused.failure("this host"));
  return static_cast<bool>(refused.route.reader);
}

std::vector<wire::Packet> LogStreams::ask_again() {
  const std::lock_guard lock(mutex_);
  std::vector<wire::Packet> asked;
  for (const auto& [id, stream] : streams_) asked.push_back(stream->ask());
  return asked;
}

void LogStreams::fail_all(const Failure& failure) {
  std::unordered_map<RequestId, std::shared_ptr<LogStream>> all;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    all.swap(streams_);
  }
  for (const auto& [id, stream] : all) stream->fail(failure);
}

}  // namespace oast::detail
