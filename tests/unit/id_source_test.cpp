#include "id_source.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <string>

#include "broker_fixture.hpp"
#include "daemon_process.hpp"
#include "oast/error.hpp"

using namespace oast;
using oast::broker::IdSource;
using oast::test::DaemonProcess;
using oast::test::ScratchDirectory;

namespace {

std::string slurp(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("Ids count from 1, and go on where an ordered end left them") {
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "last_id";
  {
    IdSource ids(file);
    CHECK(ids.next() == 1);
    CHECK(ids.next() == 2);
    CHECK(slurp(file) == "1000\n");
    struct stat info {};
    REQUIRE(::stat(file.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
  CHECK(slurp(file) == "2\n");
  IdSource ids(file);
  CHECK_FALSE(ids.jumped());
  CHECK(ids.next() == 3);
}

TEST_CASE("No id is given twice, wherever a source was when its process was killed") {
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "last_id";
  std::uint64_t last = 0;
  for (const std::uint64_t given : {1U, 999U, 1000U, 1001U, 2500U}) {
    IdSource killed(file);
    std::uint64_t id = 0;
    for (std::uint64_t i = 0; i < given; ++i) {
      id = killed.next();
      REQUIRE(id > last);
      last = id;
    }
    // What a kill leaves is what is there before the source ends.
    const std::string left = slurp(file);
    CHECK(std::stoull(left) >= last);
    CHECK(std::stoull(left) < last + IdSource::kStep);
    std::filesystem::copy_file(file, scratch.path() / "left",
                               std::filesystem::copy_options::overwrite_existing);
    {
      IdSource after(scratch.path() / "left");
      CHECK(after.next() > last);
    }
  }
}

TEST_CASE("What is no id makes ids go on beyond all earlier ones") {
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "last_id";
  for (const std::string content : {"", "12", "x\n", "-1\n", "1 2\n", "99999999999999999999\n"}) {
    std::ofstream(file, std::ios::trunc) << content;
    std::uint64_t id = 0;
    {
      IdSource ids(file);
      CHECK(ids.jumped());
      id = ids.next();
      CHECK(id > 1'000'000'000'000);
    }
    IdSource ids(file);
    CHECK_FALSE(ids.jumped());
    CHECK(ids.next() == id + 1);
  }
}

TEST_CASE("An id that cannot be reserved is not given") {
  const ScratchDirectory scratch;
  IdSource ids(scratch.path() / "missing" / "last_id");
  CHECK_THROWS_AS(ids.next(), oast::Error);
  std::filesystem::create_directory(scratch.path() / "missing");
  CHECK(ids.next() == 1);
}

TEST_CASE("A daemon that is started again in its directory gives no id twice, killed or not") {
  const ScratchDirectory scratch;
  const auto first_id = [&](int ended_by) {
    DaemonProcess daemon({}, scratch.path() / "b");
    zmq::context_t context;
    wire::HelloT hello;
    hello.role = wire::Role::host;
    std::ifstream(scratch.path() / "b" / "token") >> hello.token;
    const auto at = [&](const char* name) {
      return "ipc://" + (scratch.path() / "b" / name).string();
    };
    const PeerId self =
        wire::dial(context, at("control.sock"), at("data.sock"), hello, test::kGenerous).self;
    daemon.end(ended_by);
    return self;
  };
  CHECK(first_id(SIGTERM) == PeerId{1});
  CHECK(first_id(SIGTERM) == PeerId{2});
  CHECK(first_id(SIGKILL) == PeerId{3});
  CHECK(first_id(SIGKILL) > PeerId{3});
}
