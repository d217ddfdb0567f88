// Channels, without a kernel around them.
#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "oast/kernel/channel_table.hpp"

namespace oast::kernel {

namespace {

/// A table, and what its operations ended in, in the order in which they did.
struct Fixture {
  ChannelTable table;
  std::vector<std::string> log;
  std::uint64_t asked = 0;

  static std::string show(const ChannelTable::Outcome& outcome) {
    if (const auto* failure = std::get_if<Failure>(&outcome))
      return std::string(to_string(failure->kind));
    const auto& value = std::get<Value>(outcome);
    return value.is_nil() ? "nil" : value.as<std::string>();
  }
  ChannelTable::Done logged(const std::string& name) {
    return [this, name](const ChannelTable::Outcome& outcome) {
      log.push_back(name + " " + show(outcome));
    };
  }
  RequestKey put(ChannelId id, const std::string& value) {
    const RequestKey key{PeerId{1}, RequestId{++asked}};
    table.put(id, key, value, logged("put " + value + ":"));
    return key;
  }
  RequestKey take(ChannelId id, const std::string& name) {
    const RequestKey key{PeerId{1}, RequestId{++asked}};
    table.take(id, key, logged(name + ":"));
    return key;
  }
  std::vector<std::string> logged_since() { return std::exchange(log, {}); }
};

using Log = std::vector<std::string>;

}  // namespace

TEST_CASE("a channel gives its values in order, and puts wait while it is full") {
  Fixture f;
  const auto id = f.table.make(2);
  for (const char* value : {"a", "b", "c", "d"}) f.put(id, value);
  CHECK(f.logged_since() == Log{"put a: nil", "put b: nil"});
  f.take(id, "t1");
  CHECK(f.logged_since() == Log{"t1: a", "put c: nil"});
  for (const char* name : {"t2", "t3", "t4"}) f.take(id, name);
  CHECK(f.logged_since() == Log{"t2: b", "put d: nil", "t3: c", "t4: d"});
}

TEST_CASE("takes wait for values and are served first come first") {
  Fixture f;
  const auto id = f.table.make(0);
  f.take(id, "t1");
  f.take(id, "t2");
  CHECK(f.log.empty());
  for (const char* value : {"a", "b", "c"}) f.put(id, value);
  CHECK(f.logged_since() == Log{"t1: a", "put a: nil", "t2: b", "put b: nil", "put c: nil"});
}

TEST_CASE(
    "a cancelled operation is gone: a cancelled take swallows no value, a cancelled put leaves "
    "none") {
  Fixture f;
  const auto id = f.table.make(1);
  const auto first = f.take(id, "t1");
  f.take(id, "t2");
  CHECK(f.table.cancel(first));
  CHECK_FALSE(f.table.cancel(first));
  f.put(id, "a");
  CHECK(f.logged_since() == Log{"t2: a", "put a: nil"});
  f.put(id, "b");
  const auto parked = f.put(id, "c");
  f.put(id, "d");
  CHECK(f.table.cancel(parked));
  f.take(id, "t3");
  f.take(id, "t4");
  CHECK(f.logged_since() == Log{"put b: nil", "t3: b", "put d: nil", "t4: d"});
}

TEST_CASE("a closed channel gives what it holds, fails who waits to put, and is then not found") {
  Fixture f;
  const auto id = f.table.make(2);
  for (const char* value : {"a", "b", "c"}) f.put(id, value);
  CHECK(Fixture::show(f.table.close(id)) == "nil");
  f.put(id, "d");
  f.take(id, "t1");
  f.take(id, "t2");
  f.take(id, "t3");
  CHECK(f.logged_since() == Log{"put a: nil", "put b: nil", "put c: not_found", "put d: not_found",
                                "t1: a", "t2: b", "t3: not_found"});
  CHECK(Fixture::show(f.table.close(id)) == "not_found");
  CHECK(f.table.existed(id));
}

TEST_CASE("closing an empty channel fails who waits to take") {
  Fixture f;
  const auto id = f.table.make(1);
  f.take(id, "t1");
  f.table.close(id);
  CHECK(f.logged_since() == Log{"t1: not_found"});
}

TEST_CASE("a channel is ready when it holds a value") {
  Fixture f;
  const auto id = f.table.make(1);
  const auto ready = [&] { return std::get<Value>(f.table.ready(id)); };
  CHECK(ready() == Value(false));
  f.put(id, "a");
  CHECK(ready() == Value(true));
  f.table.close(id);
  CHECK(ready() == Value(true));
  f.take(id, "t");
  CHECK(Fixture::show(f.table.ready(id)) == "not_found");
}

TEST_CASE("what is put back is the next, also in a full channel and in one that is forgotten") {
  Fixture f;
  const auto id = f.table.make(1);
  f.put(id, "b");
  f.table.put_back(id, "a", f.logged("back a:"));
  f.put(id, "c");
  CHECK(f.logged_since() == Log{"put b: nil", "back a: nil"});
  for (const char* name : {"t1", "t2", "t3"}) f.take(id, name);
  CHECK(f.logged_since() == Log{"t1: a", "t2: b", "put c: nil", "t3: c"});
  f.take(id, "t4");
  f.table.put_back(id, "d", f.logged("back d:"));
  CHECK(f.logged_since() == Log{"t4: d", "back d: nil"});
  f.table.close(id);
  f.table.put_back(id, "e", f.logged("back e:"));
  f.take(id, "t5");
  f.take(id, "t6");
  CHECK(f.logged_since() == Log{"back e: nil", "t5: e", "t6: not_found"});
  f.table.put_back(ChannelId{77}, "f", f.logged("back f:"));
  CHECK(f.logged_since() == Log{"back f: not_found"});
}

TEST_CASE("a channel that never was is not found") {
  Fixture f;
  f.take(ChannelId{1}, "t");
  f.put(ChannelId{}, "a");
  CHECK(f.logged_since() == Log{"t: not_found", "put a: not_found"});
  CHECK_FALSE(f.table.existed(ChannelId{1}));
  CHECK_FALSE(f.table.existed(ChannelId{}));
}

TEST_CASE("a done that asks for more does not deadlock") {
  ChannelTable table;
  const auto id = table.make(1);
  int taken = 0;
  std::function<void(ChannelTable::Outcome)> again = [&](const ChannelTable::Outcome& outcome) {
    if (std::holds_alternative<Failure>(outcome) || ++taken == 3) return;
    table.take(id, {PeerId{1}, RequestId{1}}, again);
  };
  table.take(id, {PeerId{1}, RequestId{1}}, again);
  for (int i = 0; i < 3; ++i) table.put(id, {PeerId{2}, RequestId{1}}, i, [](auto) {});
  CHECK(taken == 3);
}

TEST_CASE("with many threads every put value is taken exactly once") {
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  ChannelTable table;
  const auto id = table.make(3);
  std::atomic<std::int64_t> sum = 0;
  std::atomic<int> puts = 0;
  std::atomic<int> takes = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i)
          table.put(id, {PeerId{1}, RequestId{1}}, t * kEach + i, [&](auto) { ++puts; });
      });
      threads.emplace_back([&] {
        for (int i = 0; i < kEach; ++i)
          table.take(id, {PeerId{2}, RequestId{1}}, [&](ChannelTable::Outcome outcome) {
            sum += std::get<Value>(outcome).as<std::int64_t>();
            ++takes;
          });
      });
    }
  }
  CHECK(puts == kThreads * kEach);
  CHECK(takes == kThreads * kEach);
  constexpr std::int64_t kAll = std::int64_t{kThreads} * kEach;
  CHECK(sum == kAll * (kAll - 1) / 2);
}

}  // namespace oast::kernel
