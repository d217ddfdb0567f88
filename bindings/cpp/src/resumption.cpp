#include "resumption.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace oast::detail {

namespace {

wire::Packet acknowledgement(std::uint64_t number) {
  wire::AcknowledgeT done;
  done.number = number;
  return wire::pack(RequestId{}, done);
}

}  // namespace

void Resumption::introduce(wire::HelloT& hello) {
  const std::lock_guard lock(mutex_);
  hello.session = options_.name;
  hello.session_secret = options_.secret;
  hello.session_timeout_ms = static_cast<std::uint64_t>(options_.timeout.count());
  hello.received = received_.last();
  hello.received_data = received_data_.last();
}

void Resumption::go_on_after(const wire::Connection& dialled) {
  const std::lock_guard lock(mutex_);
  sent_.go_on_after(dialled.received);
  sent_data_.go_on_after(dialled.received_data);
}

void Resumption::send(Connection& connection, wire::Packet&& packet) {
  const std::lock_guard lock(mutex_);
  sent_.keep(PeerId{}, packet);
  connection.control().send(std::move(packet));
}

void Resumption::send_data(Connection& connection, PeerId to, wire::Packet&& packet) {
  const std::lock_guard lock(mutex_);
  sent_data_.keep(to, packet);
  connection.data().send(to, std::move(packet));
}

bool Resumption::take(Connection& connection, std::uint64_t number, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!received_.take(number, bytes)) return false;
  if (const auto due = received_.due()) connection.control().send(acknowledgement(*due));
  return true;
}

bool Resumption::take_data(Connection& connection, PeerId from, std::uint64_t number,
                           std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!from) {
    if (!received_data_.take(number, bytes)) return false;
    if (const auto due = received_data_.due()) connection.data().send(from, acknowledgement(*due));
    return true;
  }
  if (number == 0) return true;
  std::uint64_t& seen = seen_[from];
  if (number <= seen) return false;
  seen = number;
  return true;
}

void Resumption::acknowledge(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  sent_.acknowledge(number);
}

void Resumption::acknowledge_data(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  sent_data_.acknowledge(number);
}

std::uint64_t Resumption::seen(PeerId kernel) {
  const std::lock_guard lock(mutex_);
  const auto found = seen_.find(kernel);
  return found == seen_.end() ? 0 : found->second;
}

zmq::socket_t Resumption::go_on(Connection& connection, wire::Connection&& dialled,
                                const std::vector<PeerId>& kernels,
                                std::vector<wire::Packet>&& more) {
  const std::lock_guard lock(mutex_);
  for (const PeerId kernel : kernels) seen_.try_emplace(kernel, 0);
  wire::ResumeT resume;
  for (const auto& [kernel, number] : seen_) {
    auto& seen = resume.kernels.emplace_back(std::make_unique<wire::SeenT>());
    seen->kernel = kernel.value;
    seen->number = number;
  }
  // The broker goes on behind what was seen, from now on by itself.
  std::erase_if(seen_, [&](const auto& seen) { return !std::ranges::count(kernels, seen.first); });
  connection.control().drop_unsent();
  sent_.acknowledge(dialled.received);
  sent_.resend([&](PeerId, wire::Packet packet) { connection.control().send(std::move(packet)); });

  wire::SharedSocket& data = connection.data();
  data.replace(std::move(dialled.data));
  data.send(PeerId{}, wire::pack(RequestId{}, resume));
  sent_data_.acknowledge(dialled.received_data);
  sent_data_.resend([&](PeerId to, wire::Packet packet) { data.send(to, std::move(packet)); });
  for (wire::Packet& packet : more) data.send(PeerId{}, std::move(packet));
  return std::move(dialled.control);
}

}  // namespace oast::detail
