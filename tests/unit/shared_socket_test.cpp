#include "oast/shared_socket.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

using namespace oast;
using namespace std::chrono_literals;

namespace {

wire::Packet numbered(std::uint64_t id) { return wire::pack(RequestId{id}, wire::ListT{}); }

/// Sends every message back to where it came from.
class Echo {
 public:
  explicit Echo(zmq::context_t& context) : socket_(context, zmq::socket_type::router) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::sndhwm, 0);
    socket_.set(zmq::sockopt::rcvhwm, 0);
    socket_.bind("inproc://echo");
    thread_ = std::thread([this] { run(); });
  }
  ~Echo() {
    stop_ = true;
    thread_.join();
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;

 private:
  void run() {
    while (!stop_) {
      zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, 10ms);
      while (auto frames = wire::receive_frames(socket_, 16))
        for (std::size_t i = 0; i < frames->size(); ++i)
          socket_.send((*frames)[i],
                       i + 1 < frames->size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  zmq::socket_t socket_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

zmq::socket_t dealer(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.connect("inproc://echo");
  return socket;
}

/// Whether that message arrives at `peer`, among others.
bool comes(zmq::socket_t& peer, RequestId id) {
  const auto until = wire::SharedSocket::Clock::now() + 10s;
  while (wire::SharedSocket::Clock::now() < until) {
    zmq::pollitem_t item{peer.handle(), 0, ZMQ_POLLIN, 0};
    zmq::poll(&item, 1, 10ms);
    auto frames = wire::receive_frames(peer, 16);  // origin, address, message
    if (!frames || frames->size() != 3) continue;
    if (wire::read_head({std::move(frames->at(2)), {}}).id == id) return true;
  }
  return false;
}

const auto deadline = [] { return wire::SharedSocket::Clock::now() + 30s; };

}  // namespace

TEST_CASE("SharedSocket: whoever waits receives its own answer, with many threads at once") {
  zmq::context_t context{1};
  const Echo echo(context);
  constexpr std::uint64_t kThreads = 8;
  constexpr std::uint64_t kRounds = 500;
  std::vector<std::atomic<bool>> answered(kThreads * kRounds);
  wire::SharedSocket socket(
      dealer(context), {}, [&](wire::Addressed&& got) { answered[got.packet.root().id()] = true; });
  std::thread background([&] { socket.background(1ms, deadline()); });
  std::vector<std::thread> threads;
  std::atomic<unsigned> missing{0};
  for (std::uint64_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kRounds; ++i) {
        const auto id = t * kRounds + i;
        socket.send(PeerId{}, numbered(id));
        if (!socket.wait([&] { return answered[id].load(); }, deadline())) ++missing;
      }
    });
  for (auto& thread : threads) thread.join();
  socket.close();
  background.join();
  CHECK(missing == 0);
}

TEST_CASE("SharedSocket: the background receives when nobody waits") {
  zmq::context_t context{1};
  const Echo echo(context);
  std::latch done(1000);
  wire::SharedSocket socket(dealer(context), {}, [&](wire::Addressed&&) { done.count_down(); });
  std::thread background([&] { socket.background(1ms, deadline()); });
  for (std::uint64_t i = 0; i < 1000; ++i) socket.send(PeerId{}, numbered(i));
  done.wait();
  socket.close();
  background.join();
}

TEST_CASE("SharedSocket: what is sent one after the other arrives so, whichever threads send") {
  zmq::context_t context{1};
  const Echo echo(context);
  constexpr std::uint64_t kAll = 20'000;
  std::mutex mutex;
  std::uint64_t last = 0;
  std::vector<std::uint64_t> order;
  std::atomic<std::size_t> count = 0;
  wire::SharedSocket* shared = nullptr;
  const auto send = [&] {
    const std::lock_guard lock(mutex);
    if (last < kAll) shared->send(PeerId{}, numbered(++last));
    return last < kAll;
  };
  wire::SharedSocket socket(dealer(context), {}, [&](wire::Addressed&& got) {
    order.push_back(got.packet.root().id());
    ++count;
    send();  // on the thread that holds the socket
  });
  shared = &socket;
  std::thread other([&] {
    while (send()) std::this_thread::yield();
  });
  CHECK(socket.wait([&] { return count == kAll; }, deadline()));
  other.join();
  socket.close();
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("SharedSocket: order is kept, whoever sends and receives") {
  zmq::context_t context{1};
  const Echo echo(context);
  std::vector<std::uint64_t> order;
  std::atomic<std::size_t> count = 0;
  wire::SharedSocket socket(dealer(context), {}, [&](wire::Addressed&& got) {
    order.push_back(got.packet.root().id());
    ++count;
  });
  std::thread background([&] { socket.background(0ms, deadline()); });
  for (std::uint64_t i = 0; i < 5000; ++i) {
    socket.send(PeerId{}, numbered(i));
    if (i % 100 == 99) socket.wait([&] { return count == i + 1; }, deadline());
  }
  socket.close();
  background.join();
  REQUIRE(order.size() == 5000);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("SharedSocket: a wait ends at its deadline, by notify, and by close") {
  zmq::context_t context{1};
  const Echo echo(context);
  wire::SharedSocket socket(dealer(context), {}, [](wire::Addressed&&) {});
  CHECK_FALSE(socket.wait([] { return false; }, wire::SharedSocket::Clock::now() + 1ms));

  std::atomic<bool> flag{false};
  std::thread notifier([&] {
    flag = true;
    socket.notify();
  });
  CHECK(socket.wait([&] { return flag.load(); }, deadline()));
  notifier.join();

  std::thread waiter([&] { CHECK_FALSE(socket.wait([] { return false; })); });
  socket.close();
  waiter.join();
}

TEST_CASE("SharedSocket: a handler may send and wait itself") {
  zmq::context_t context{1};
  const Echo echo(context);
  std::set<std::uint64_t> seen;
  wire::SharedSocket* self = nullptr;
  wire::SharedSocket socket(dealer(context), {}, [&](wire::Addressed&& got) {
    const auto id = got.packet.root().id();
    seen.insert(id);
    if (id != 1) return;
    self->send(PeerId{}, numbered(2));
    CHECK(self->wait([&] { return seen.contains(2); }, deadline()));
    seen.insert(3);
  });
  self = &socket;
  socket.send(PeerId{}, numbered(1));
  CHECK(socket.wait([&] { return seen.contains(3); }, deadline()));
}

TEST_CASE("SharedSocket: what is sent after a replacement leaves over the new socket") {
  zmq::context_t context{1};
  const Echo echo(context);
  wire::SharedSocket socket(dealer(context), {}, [](wire::Addressed&&) {});
  std::atomic<bool> stop{false};
  std::thread background([&] { socket.background(1ms, deadline()); });
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i)
    others.emplace_back([&] {
      while (!stop) socket.send(PeerId{}, numbered(0));
    });
  int lost = 0;
  for (std::uint64_t round = 1; round <= 500 && lost == 0; ++round) {
    zmq::socket_t peer(context, zmq::socket_type::router);
    peer.set(zmq::sockopt::linger, 0);
    peer.set(zmq::sockopt::rcvhwm, 0);
    const std::string address = "inproc://peer" + std::to_string(round);
    peer.bind(address);
    zmq::socket_t dialled(context, zmq::socket_type::dealer);
    dialled.set(zmq::sockopt::linger, 0);
    dialled.set(zmq::sockopt::sndhwm, 0);
    dialled.connect(address);
    socket.replace(std::move(dialled));
    socket.send(PeerId{}, numbered(round));
    if (!comes(peer, RequestId{round})) ++lost;
  }
  stop = true;
  for (auto& thread : others) thread.join();
  socket.close();
  background.join();
  CHECK(lost == 0);
}
