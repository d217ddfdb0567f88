#include "request_queue.hpp"

#include <doctest/doctest.h>

#include <ctime>
#include <vector>

using namespace oast;
using namespace oast::broker;

namespace {

RequestKey key(std::uint64_t host, std::uint64_t id) { return {PeerId{host}, RequestId{id}}; }

wire::Packet packet() {
  wire::EvalT eval;
  eval.code = "1 + 1";
  return wire::pack(RequestId{1}, eval);
}

RequestQueue::Accepted accept(RequestQueue& queue, RequestKey k, std::uint32_t lane = 0) {
  wire::Packet p = packet();
  return queue.accept(k, wire::Reply::value, p, lane);
}

constexpr std::size_t kPlenty = 1 << 20;

}  // namespace

TEST_CASE("RequestQueue dispatches in the order of acceptance and numbers from 1") {
  RequestQueue queue(10, kPlenty);
  for (std::uint64_t i = 1; i <= 3; ++i)
    CHECK(accept(queue, key(7, i)) == RequestQueue::Accepted::yes);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const auto next = queue.dispatch();
    REQUIRE(next);
    CHECK(next->key == key(7, i));
    CHECK(queue.find(key(7, i))->sequence == i);
  }
  CHECK_FALSE(queue.dispatch());
}

TEST_CASE("RequestQueue keeps no more dispatched than its window") {
  RequestQueue queue(2, kPlenty);
  for (std::uint64_t i = 1; i <= 3; ++i) accept(queue, key(1, i));
  CHECK(queue.dispatch());
  CHECK(queue.dispatch());
  CHECK_FALSE(queue.dispatch());
  CHECK(queue.end(key(1, 2)));  // not the oldest
  CHECK(queue.dispatch()->key == key(1, 3));
  CHECK(queue.find(key(1, 3))->sequence == 3);
}

TEST_CASE("RequestQueue ends every request exactly once") {
  RequestQueue queue(1, kPlenty);
  accept(queue, key(1, 1));
  accept(queue, key(1, 2));
  queue.accept_direct(key(1, 3), 1);
  CHECK(queue.dispatch());
  CHECK(queue.end(key(1, 1))->stage == RequestQueue::Stage::dispatched);
  CHECK_FALSE(queue.end(key(1, 1)));
  CHECK(queue.end_next()->first == key(1, 2));
  CHECK(queue.end_next()->first == key(1, 3));
  CHECK_FALSE(queue.end_next());
  CHECK_FALSE(queue.dispatch());
}

TEST_CASE("RequestQueue never dispatches what was cancelled while waiting") {
  RequestQueue queue(1, kPlenty);
  for (std::uint64_t i = 1; i <= 3; ++i) accept(queue, key(1, i));
  queue.dispatch();
  CHECK(queue.end(key(1, 2))->stage == RequestQueue::Stage::waiting);
  CHECK(queue.waiting() == 1);
  queue.end(key(1, 1));
  CHECK(queue.dispatch()->key == key(1, 3));
  CHECK(queue.find(key(1, 3))->sequence == 2);
}

TEST_CASE("RequestQueue refuses an id that is open, and takes it again afterwards") {
  RequestQueue queue(1, kPlenty);
  CHECK(accept(queue, key(1, 5)) == RequestQueue::Accepted::yes);
  CHECK(accept(queue, key(1, 5)) == RequestQueue::Accepted::duplicate);
  CHECK(queue.accept_direct(key(1, 5), 1) == RequestQueue::Accepted::duplicate);
  CHECK(accept(queue, key(2, 5)) == RequestQueue::Accepted::yes);
  queue.end(key(1, 5));
  CHECK(accept(queue, key(1, 5)) == RequestQueue::Accepted::yes);
}

TEST_CASE("P4: RequestQueue holds no more bytes than it may, wherever they are, until they end") {
  const std::size_t one = packet().bytes();
  RequestQueue queue(1, 2 * one);
  CHECK(accept(queue, key(1, 1)) == RequestQueue::Accepted::yes);
  CHECK(accept(queue, key(1, 2)) == RequestQueue::Accepted::yes);
  CHECK(accept(queue, key(1, 3)) == RequestQueue::Accepted::full);
  CHECK(queue.dispatch());  // the kernel has it now, taken in or not
  CHECK(accept(queue, key(1, 3)) == RequestQueue::Accepted::full);
  CHECK(queue.accept_direct(key(1, 3), one) == RequestQueue::Accepted::full);
  queue.end(key(1, 1));
  CHECK(queue.accept_direct(key(1, 3), one) == RequestQueue::Accepted::yes);
  CHECK(accept(queue, key(1, 4)) == RequestQueue::Accepted::full);
  queue.end(key(1, 2));  // cancelled while waiting
  CHECK(accept(queue, key(1, 4)) == RequestQueue::Accepted::yes);
  queue.end(key(1, 3));
  queue.end(key(1, 4));
  CHECK(queue.bytes() == 0);
  wire::Packet large = packet();
  large.buffers.emplace_back(10 * one);
  CHECK(queue.accept(key(1, 5), wire::Reply::value, large) == RequestQueue::Accepted::yes);
}

TEST_CASE("P2: RequestQueue keeps the order of each lane, and no lane waits for another") {
  RequestQueue queue(2, kPlenty);
  for (std::uint64_t i = 1; i <= 4; ++i) accept(queue, key(1, i), 0);
  for (std::uint64_t i = 5; i <= 8; ++i) accept(queue, key(1, i), 3);
  std::vector<RequestKey> order;
  while (const auto next = queue.dispatch()) order.push_back(next->key);
  // Two of each are under way; lane 0 is stuck now.
  CHECK(order == std::vector{key(1, 1), key(1, 2), key(1, 5), key(1, 6)});
  CHECK(queue.find(key(1, 5))->sequence == 3);
  queue.end(key(1, 6));
  CHECK(queue.dispatch()->key == key(1, 7));
  CHECK_FALSE(queue.dispatch());
  CHECK(*queue.running() == key(1, 1));  // lane 0's
  queue.end(key(1, 1));
  CHECK(queue.dispatch()->key == key(1, 3));
  for (const std::uint64_t i : {2, 3, 4}) queue.end(key(1, i));
  CHECK(*queue.running() == key(1, 5));
  queue.end(key(1, 5));
  CHECK(queue.dispatch()->key == key(1, 8));
  CHECK(queue.waiting() == 0);
  std::vector<RequestKey> ended;
  while (const auto next = queue.end_next()) ended.push_back(next->first);
  CHECK(ended == std::vector{key(1, 7), key(1, 8)});
}

TEST_CASE("P4: RequestQueue has so many lanes in use, and more when some have ended") {
  RequestQueue queue(1, kPlenty);
  for (std::uint32_t i = 0; i < RequestQueue::kMostLanes; ++i)
    REQUIRE(accept(queue, key(1, i + 1), i * 1000) == RequestQueue::Accepted::yes);
  CHECK(accept(queue, key(1, 999), 7) == RequestQueue::Accepted::crowded);
  CHECK(accept(queue, key(1, 999), 2000) == RequestQueue::Accepted::yes);  // in use
  queue.end(key(1, 5));
  CHECK(accept(queue, key(1, 1000), 7) == RequestQueue::Accepted::yes);
  queue.host_left(PeerId{1});
  while (queue.end_some_of_left(10)) continue;
  CHECK(queue.waiting() == 0);
  CHECK_FALSE(queue.any_open());
}

TEST_CASE("RequestQueue knows what runs and finds it by its number") {
  RequestQueue queue(2, kPlenty);
  CHECK_FALSE(queue.running());
  accept(queue, key(1, 1));
  accept(queue, key(1, 2));
  queue.dispatch();
  queue.dispatch();
  CHECK(*queue.running() == key(1, 1));
  CHECK(*queue.by_sequence(2) == key(1, 2));
  queue.end(key(1, 1));
  CHECK(*queue.running() == key(1, 2));
  CHECK_FALSE(queue.by_sequence(1));
  CHECK_FALSE(queue.by_sequence(3));
  CHECK_FALSE(queue.by_sequence(0));
}

TEST_CASE("RequestQueue lets a host's waiting requests go and keeps the dispatched") {
  RequestQueue queue(1, kPlenty);
  accept(queue, key(1, 1));
  accept(queue, key(1, 2));
  accept(queue, key(2, 1));
  queue.accept_direct(key(1, 3), 1);
  queue.dispatch();
  queue.host_left(PeerId{1});
  while (queue.end_some_of_left(1)) continue;
  CHECK(queue.waiting() == 1);
  CHECK(queue.find(key(1, 3)) == nullptr);
  CHECK(queue.find(key(1, 1)) != nullptr);
  queue.end(key(1, 1));
  CHECK(queue.dispatch()->key == key(2, 1));
}

TEST_CASE(
    "P4: RequestQueue ends what a host that left has waiting in pieces, and runs none of it") {
  constexpr std::uint64_t kMany = 1000;
  RequestQueue queue(1, kPlenty);
  for (std::uint64_t i = 1; i <= kMany; ++i) accept(queue, key(1, i));
  accept(queue, key(2, 1));
  for (std::uint64_t i = 1; i <= kMany; ++i) queue.accept_direct(key(1, kMany + i), 1);
  queue.host_left(PeerId{1});
  CHECK_FALSE(queue.dispatch());
  std::size_t pieces = 0;
  for (; queue.end_some_of_left(100); ++pieces) {
    if (pieces == 0) CHECK(queue.find(key(1, 2 * kMany)) != nullptr);
    if (pieces < 19) CHECK_FALSE(queue.dispatch());
  }
  CHECK(pieces >= 20);
  CHECK(queue.dispatch()->key == key(2, 1));
  CHECK(queue.waiting() == 0);
}

TEST_CASE("P4: cancelling what waits takes the same time however much waits") {
  constexpr std::uint64_t kMany = 100'000;
  RequestQueue queue(1, std::size_t{1} << 30);
  for (std::uint64_t i = 1; i <= kMany; ++i) accept(queue, key(1, i));
  const auto cpu = std::clock();
  for (std::uint64_t i = kMany; i > 0; --i) REQUIRE(queue.end(key(1, i)));
  // Searching for each would look at five thousand million entries.
  CHECK(std::clock() - cpu < 2 * CLOCKS_PER_SEC);
  CHECK(queue.waiting() == 0);
  CHECK_FALSE(queue.dispatch());
  CHECK(queue.bytes() == 0);
}
