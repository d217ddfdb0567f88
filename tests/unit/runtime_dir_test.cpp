#include "runtime_dir.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "broker_fixture.hpp"
#include "data_dir.hpp"
#include "oast/error.hpp"

using oast::broker::RuntimeDir;

TEST_CASE("Private directories that are made at once do not sweep each other away") {
  const oast::test::ScratchDirectory scratch;
  ::setenv("XDG_RUNTIME_DIR", scratch.path().c_str(), 1);
  std::atomic<int> refused{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 600; ++i) try {
            const RuntimeDir directory({}, "token");
          } catch (const oast::Error&) {
            ++refused;
          }
      });
  }
  CHECK(refused == 0);
  CHECK(std::filesystem::is_empty(scratch.path() / "oast"));
}

TEST_CASE("A runtime directory that is missing, no directory or read-only is not used") {
  const oast::test::ScratchDirectory scratch;
  const auto fallback = "/tmp/oast-" + std::to_string(::geteuid());
  const auto root_for = [](const std::filesystem::path& base) {
    ::setenv("XDG_RUNTIME_DIR", base.c_str(), 1);
    return oast::broker::runtime_root().string();
  };
  CHECK(root_for(scratch.path()) == (scratch.path() / "oast").string());
  CHECK(root_for(scratch.path() / "missing") == fallback);
  std::ofstream(scratch.path() / "file");
  CHECK(root_for(scratch.path() / "file") == fallback);
  if (::geteuid() != 0) {  // whom no mode keeps out
    std::filesystem::create_directory(scratch.path() / "closed");
    ::chmod((scratch.path() / "closed").c_str(), 0500);
    CHECK(root_for(scratch.path() / "closed") == fallback);
  }
}

TEST_CASE("A runtime directory of another user gets nothing of ours") {
  const oast::test::ScratchDirectory scratch;
  // As after sudo -E: root may write everywhere. Others see it with the directory of root.
  std::filesystem::path base = "/";
  if (::geteuid() == 0) {
    base = scratch.path();
    REQUIRE(::chown(base.c_str(), 12345, 12345) == 0);
  }
  ::setenv("XDG_RUNTIME_DIR", base.c_str(), 1);
  CHECK(oast::broker::runtime_root() == "/tmp/oast-" + std::to_string(::geteuid()));
}

TEST_CASE("A path too long for a socket is refused before anything is made there") {
  const oast::test::ScratchDirectory scratch;
  const auto base = scratch.path() / std::string(100, 'x');
  std::filesystem::create_directory(base);
  ::setenv("XDG_RUNTIME_DIR", base.c_str(), 1);
  CHECK_THROWS_AS(RuntimeDir({}, "token"), oast::Error);
  CHECK(std::filesystem::is_empty(base));
  CHECK_THROWS_AS(RuntimeDir(base / "named", "token"), oast::Error);
  CHECK(std::filesystem::is_empty(base));
}

TEST_CASE("A data directory has one broker at a time, and a second is told which directory it is") {
  const oast::test::ScratchDirectory scratch;
  const auto path = scratch.path() / "data";
  {
    const oast::broker::DataDir first(path);
    try {
      const oast::broker::DataDir second(path);
      FAIL("the second broker got it too");
    } catch (const oast::Error& error) {
      CHECK(error.kind() == oast::FailureKind::invalid);
      CHECK(std::string(error.what()).find(path.string()) != std::string::npos);
    }
  }
  CHECK(oast::broker::DataDir(path).id_file() == path / "last_id");
}
