#include "kernel_log.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "log_records.hpp"

using namespace oast;
using namespace oast::broker;
using oast::test::is_intact;
using oast::test::record;

namespace {

constexpr std::size_t kAtOnce = std::size_t{64} << 10;

using Numbers = std::vector<std::uint64_t>;

/// All that can be read from memory, and the gaps.
struct Contents {
  Numbers numbers;
  std::vector<Gap> gaps;
};

Contents read_all(KernelLog& log, std::uint64_t from = 1) {
  Contents contents;
  for (;;) {
    auto read = log.read(from, kAtOnce);
    if (std::holds_alternative<KernelLog::Nothing>(read)) return contents;
    if (const auto* gap = std::get_if<Gap>(&read)) {
      REQUIRE(gap->first >= from);
      REQUIRE(gap->last >= gap->first);
      contents.gaps.push_back(*gap);
      from = gap->last + 1;
      continue;
    }
    auto& records = std::get<KernelLog::Records>(read);
    REQUIRE(records.next > from);
    for (const Record& got : records.records) {
      CHECK(is_intact(got));
      contents.numbers.push_back(got.number);
    }
    from = records.next;
  }
}

void fill(KernelLog& log, std::uint64_t count, std::size_t size, bool done) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t number = log.end();
    REQUIRE(log.append(record(number, size)));
    if (done) log.mark_done(number);
  }
}

}  // namespace

TEST_CASE("KernelLog gives what was appended, from any number on") {
  KernelLog log(KernelId{3});
  CHECK(log.end() == 1);
  CHECK(log.last() == 0);
  CHECK(std::holds_alternative<KernelLog::Nothing>(log.read(1, kAtOnce)));
  fill(log, 20, 100, false);
  CHECK(log.first() == 1);
  CHECK(log.last() == 20);
  CHECK(log.bytes() == 2000);
  for (std::uint64_t from = 1; from <= 20; ++from) {
    const auto contents = read_all(log, from);
    CHECK(contents.gaps.empty());
    REQUIRE(contents.numbers.size() == 21 - from);
    CHECK(contents.numbers.front() == from);
  }
}

TEST_CASE("KernelLog takes no number twice and leaves none out") {
  KernelLog log(KernelId{3});
  CHECK_FALSE(log.append(record(2, 10)));
  CHECK(log.append(record(1, 10)));
  CHECK_FALSE(log.append(record(1, 10)));
  CHECK(log.append(record(2, 10)));
  CHECK(log.last() == 2);
}

TEST_CASE("KernelLog reads at least one record, however large, and no more than asked for") {
  KernelLog log(KernelId{3});
  fill(log, 10, 1000, false);
  const auto one = std::get<KernelLog::Records>(log.read(4, 1));
  CHECK(one.records.size() == 1);
  CHECK(one.next == 5);
  CHECK(std::get<KernelLog::Records>(log.read(4, 3000)).records.size() == 3);
}

TEST_CASE("KernelLog releases up to the first record that somebody still has to get") {
  KernelLog log(KernelId{3});
  fill(log, 5, 100, false);
  CHECK(log.released() == 0);
  CHECK(log.unreleased_bytes() == 500);
  log.mark_done(2);
  log.mark_done(3);
  CHECK(log.released() == 0);
  log.mark_done(1);
  CHECK(log.released() == 3);
  CHECK(log.unreleased_bytes() == 200);
  log.mark_done(3);
  log.mark_done(99);
  log.mark_done(4);
  log.mark_done(5);
  CHECK(log.released() == 5);
  CHECK(log.unreleased_bytes() == 0);
}

TEST_CASE("KernelLog drops the oldest done records beyond its bound, and says so exactly") {
  KernelLog log(KernelId{3}, {.memory_bytes = 256 << 10});
  fill(log, 1000, 1000, true);
  CHECK(log.memory_bytes() <= 256 << 10);
  CHECK(log.memory_bytes() >= 128 << 10);
  const auto contents = read_all(log);
  REQUIRE(contents.gaps.size() == 1);
  const Gap gap = contents.gaps.front();
  CHECK(gap.first == 1);
  CHECK(gap.bytes == gap.last * 1000);
  CHECK(gap.exact);
  CHECK(contents.numbers.size() == 1000 - gap.last);
  CHECK(log.released() == 1000);
  CHECK(log.first() == gap.last + 1);
}

TEST_CASE("KernelLog never drops what somebody still has to get") {
  KernelLog log(KernelId{3}, {.memory_bytes = 64 << 10});
  fill(log, 1000, 1000, false);
  CHECK(read_all(log).numbers.size() == 1000);
  // All but one in ten are done, out of order.
  for (std::uint64_t n = 1000; n >= 1; --n)
    if (n % 10 != 0) log.mark_done(n);
  CHECK(log.released() == 9);
  std::set<std::uint64_t> got;
  for (const auto n : read_all(log).numbers) got.insert(n);
  for (std::uint64_t n = 10; n <= 1000; n += 10) CHECK(got.contains(n));
  CHECK(got.size() < 300);
  for (std::uint64_t n = 10; n <= 1000; n += 10) log.mark_done(n);
  CHECK(log.released() == 1000);
  CHECK(log.memory_bytes() <= 64 << 10);
}

TEST_CASE("KernelLog keeps a reply whole until it is acknowledged, however old it is") {
  KernelLog log(KernelId{3}, {.memory_bytes = 64 << 10});
  REQUIRE(log.append(record(1, 5000, wire::Body::Result)));
  log.mark_done(1);
  fill(log, 2000, 1000, true);
  CHECK(log.released() == 2001);
  auto contents = read_all(log);
  REQUIRE(contents.gaps.size() == 1);
  CHECK(contents.gaps.front().first == 2);
  CHECK(contents.numbers.front() == 1);
  log.drop_payload(1);
  contents = read_all(log);
  CHECK(contents.numbers.front() == contents.gaps.front().last + 1);
  CHECK(contents.gaps.front().first == 2);  // an acknowledged reply is no gap
}

TEST_CASE("KernelLog has nothing of replies that were acknowledged, and no gap") {
  KernelLog log(KernelId{3}, {.memory_bytes = 64 << 10});
  for (std::uint64_t n = 1; n <= 100000; ++n) {
    REQUIRE(log.append(record(n, 30, wire::Body::Result)));
    log.mark_done(n);
    log.drop_payload(n);
  }
  CHECK(log.bytes() == 0);
  CHECK(log.released() == 100000);
  const auto contents = read_all(log);
  CHECK(contents.numbers.empty());
  CHECK(contents.gaps.empty());
}

TEST_CASE("KernelLog keeps an acknowledged reply that is to be kept, like any other record") {
  KernelLog log(KernelId{3});
  REQUIRE(log.append(record(1, 50, wire::Body::Result), true));
  REQUIRE(log.append(record(2, 50, wire::Body::Failure), true));
  REQUIRE(log.append(record(3, 50, wire::Body::Result)));
  for (std::uint64_t n = 1; n <= 3; ++n) {
    log.mark_done(n);
    log.drop_payload(n);
  }
  CHECK(read_all(log).numbers == Numbers{1, 2});
}

TEST_CASE("KernelLog keeps a request for input until it is over, and then like any other record") {
  KernelLog log(KernelId{3}, {.memory_bytes = 64 << 10});
  REQUIRE(log.append(record(1, 500, wire::Body::InputRequest)));
  log.mark_done(1);
  log.drop_payload(1);  // that its host has got it does not end it
  fill(log, 2000, 1000, true);
  CHECK(read_all(log).numbers.front() == 1);
  log.input_over(1);
  log.input_over(2000);
  const auto contents = read_all(log);
  REQUIRE(contents.gaps.size() == 1);
  CHECK(contents.gaps.front().first == 1);
}

TEST_CASE("KernelLog of a kernel that was there before tells what is missing") {
  KernelLog log(KernelId{3}, {.first = 41});
  CHECK_FALSE(log.append(record(1, 10)));
  REQUIRE(log.append(record(41, 10)));
  CHECK(log.released() == 40);
  const auto contents = read_all(log);
  REQUIRE(contents.gaps.size() == 1);
  CHECK(contents.gaps.front().first == 1);
  CHECK(contents.gaps.front().last == 40);
  CHECK(contents.numbers == Numbers{41});
}

namespace {

/// What a log must do, said simply: nothing is lost that is not done, not acknowledged or not
/// answered, what is lost is in gaps that add up, and what is acknowledged is neither.
struct Model {
  struct Said {
    std::uint64_t bytes = 0;
    bool reply = false;
    bool input = false;
    bool kept = false;
    bool done = false;
    bool acknowledged = false;
  };
  std::map<std::uint64_t, Said> said;

  std::uint64_t released() const {
    std::uint64_t number = 0;
    while (said.contains(number + 1) && said.at(number + 1).done) ++number;
    return number;
  }
  bool must_be_there(std::uint64_t n) const {
    const Said& s = said.at(n);
    return s.reply ? !s.acknowledged : !s.done || (s.input && !s.acknowledged);
  }
  bool is_nothing(std::uint64_t n) const {
    const Said& s = said.at(n);
    return s.reply && s.acknowledged && !s.kept;
  }

  void check(KernelLog& log) const {
    const auto contents = read_all(log);
    const std::set<std::uint64_t> got(contents.numbers.begin(), contents.numbers.end());
    REQUIRE(got.size() == contents.numbers.size());
    std::uint64_t gap_bytes = 0;
    for (const Gap& gap : contents.gaps) gap_bytes += gap.bytes;
    std::uint64_t missing_bytes = 0;
    for (const auto& [n, s] : said) {
      if (must_be_there(n)) REQUIRE(got.contains(n));
      if (is_nothing(n)) REQUIRE_FALSE(got.contains(n));
      if (is_nothing(n) || got.contains(n)) continue;
      missing_bytes += s.bytes;
      REQUIRE(std::any_of(contents.gaps.begin(), contents.gaps.end(),
                          [n = n](const Gap& gap) { return gap.first <= n && n <= gap.last; }));
    }
    REQUIRE(gap_bytes == missing_bytes);
    REQUIRE(log.released() == released());
  }
};

}  // namespace

TEST_CASE("KernelLog agrees with a simple model, whatever is done in whatever order") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&random](std::uint64_t n) { return random() % n; };
    KernelLog log(KernelId{3}, {.memory_bytes = below(100) << 10});
    Model model;
    for (int step = 0; step < 3000; ++step) {
      const std::uint64_t action = below(10);
      if (action < 4 || model.said.empty()) {
        const std::uint64_t n = log.end();
        const auto body =
            std::array{wire::Body::Result, wire::Body::InputRequest, wire::Body::Output}[below(3)];
        const bool keep = below(3) == 0;
        Record made = record(n, below(2000), body);
        model.said[n] = {.bytes = made.packet.bytes(),
                         .reply = body == wire::Body::Result,
                         .input = body == wire::Body::InputRequest,
                         .kept = keep};
        REQUIRE(log.append(std::move(made), keep));
      } else {
        // Mostly near the end, at times anywhere.
        const std::uint64_t back = below(2) == 0 ? 30 : log.last();
        const std::uint64_t n = log.last() - below(std::min(back, log.last()));
        if (action < 8) {
          log.mark_done(n);
          model.said[n].done = true;
        } else if (model.said[n].reply) {
          log.drop_payload(n);
          model.said[n].acknowledged = true;
        } else {
          log.input_over(n);
          model.said[n].acknowledged = true;
        }
      }
      if (step % 500 == 0) model.check(log);
    }
    model.check(log);
  }
}
