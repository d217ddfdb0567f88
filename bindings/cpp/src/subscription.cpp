// Broker::watch.
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "broker_impl.hpp"
#include "messages.hpp"
#include "oast/broker.hpp"
#include "oast/frames.hpp"
#include "oast/wake_fd.hpp"
#include "poll.hpp"
#include "thread.hpp"

namespace oast {

namespace {

using Callback = std::function<void(const KernelEvent&)>;

/// The broker's XPUB lets in who presents its token instead of a topic.
zmq::socket_t subscribe(const detail::BrokerEndpoint& endpoint) {
  zmq::socket_t socket(endpoint.context(), zmq::socket_type::xsub);
  socket.set(zmq::sockopt::linger, 0);
  socket.connect(endpoint.events);
  socket.send(zmq::buffer("\x01" + endpoint.token), zmq::send_flags::dontwait);
  return socket;
}

/// Nothing for anything else than a well-formed event.
std::optional<KernelEvent> read_event(std::vector<zmq::message_t>&& frames) {
  if (frames.size() != 2) return std::nullopt;
  const wire::Packet packet{std::move(frames[1]), {}};
  if (wire::verify(packet)) return std::nullopt;
  const auto* event = packet.root().body_as_KernelEvent();
  if (event == nullptr || event->info() == nullptr) return std::nullopt;
  return KernelEvent{static_cast<KernelEvent::Change>(event->change()),
                     detail::read(*event->info())};
}

}  // namespace

struct Subscription::Impl {
  Impl(std::shared_ptr<Broker::Impl> b, Callback c)
      : broker(std::move(b)),
        callback(std::move(c)),
        socket(subscribe(broker->session->endpoint())) {}

  void run() {
    while (!over) {
      while (auto frames = over ? std::nullopt : wire::receive_frames(socket, 2)) {
        if (const auto event = read_event(std::move(*frames))) callback(*event);
      }
      std::vector<zmq::pollitem_t> items = {{socket.handle(), 0, ZMQ_POLLIN, 0},
                                            {nullptr, wake.fd(), ZMQ_POLLIN, 0}};
      if (!over) detail::poll(items, std::chrono::milliseconds(-1));
    }
  }

  const std::shared_ptr<Broker::Impl> broker;  // before the socket, which lives in its context
  const Callback callback;
  zmq::socket_t socket;  // the thread's, once it runs
  const wire::WakeFd wake;
  std::atomic<bool> over{false};
  std::thread thread;
};

Subscription::Subscription(Subscription&&) noexcept = default;

Subscription& Subscription::operator=(Subscription&& other) noexcept {
  if (this != &other) {
    reset();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

void Subscription::reset() noexcept {
  if (!impl_) return;
  impl_->over = true;
  impl_->wake.signal();
  if (impl_->thread.get_id() == std::this_thread::get_id()) {
    impl_->thread.detach();  // it holds what it needs itself
  } else {
    impl_->thread.join();
  }
  impl_.reset();
}

Subscription Broker::watch(std::function<void(const KernelEvent&)> callback) const {
  Subscription result;
  result.impl_ = std::make_shared<Subscription::Impl>(impl_, std::move(callback));
  result.impl_->thread =
      detail::start_thread("oast-events", [impl = result.impl_] { impl->run(); });
  return result;
}

}  // namespace oast
