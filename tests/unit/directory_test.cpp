#include "directory.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "broker_fixture.hpp"
#include "oast/error.hpp"

using oast::broker::Directory;

TEST_CASE("Private directories that are made at once do not sweep each other away") {
  const oast::test::ScratchDirectory scratch;
  ::setenv("XDG_RUNTIME_DIR", scratch.path().c_str(), 1);
  std::atomic<int> refused{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 600; ++i) try {
            const Directory directory({}, "token");
          } catch (const oast::Error&) {
            ++refused;
          }
      });
  }
  CHECK(refused == 0);
  CHECK(std::filesystem::is_empty(scratch.path() / "oast"));
}
