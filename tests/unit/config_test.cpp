#include "config.hpp"

#include <fstream>

#include "broker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

struct File {
  explicit File(const std::string& text) : path(scratch.path() / "oast.json") {
    std::ofstream(path) << text;
  }
  ScratchDirectory scratch;
  std::filesystem::path path;
};

void check_refused(const std::string& text, const std::string& complaint) {
  const File file(text);
  broker::Options options;
  CHECK_THROWS_WITH_AS(broker::read_config(file.path, options),
                       doctest::Contains(complaint.c_str()), Error);
}

}  // namespace

TEST_CASE("Config: every setting arrives, absent ones keep their value") {
  const File file(R"({"heartbeat_ms": 250, "grace_ms": 0, "dispatch_window": 8,
    "log_level": "debug", /* a comment */
    "specs": {"toy": {"argv": ["/bin/toy", "-x"], "language": "toy", "env": {"A": "1"}, "cwd": "/tmp"}}})");
  broker::Options options;
  broker::read_config(file.path, options);
  CHECK(options.heartbeat == 250ms);
  CHECK(options.heartbeat_misses == 5);
  CHECK(options.grace == 0ms);
  CHECK(options.dispatch_window == 8);
  CHECK(options.log_level == "debug");
  REQUIRE(options.specs.size() == 1);
  CHECK(options.specs[0].name == "toy");
  CHECK(options.specs[0].argv == std::vector<std::string>{"/bin/toy", "-x"});
  CHECK(options.specs[0].env.at("A") == "1");
  CHECK(options.specs[0].cwd == "/tmp");
}

TEST_CASE("Config: a mistake is refused with its place and what would be right") {
  check_refused("{", "is not JSON");
  check_refused("[]", "should be an object");
  check_refused(R"({"hartbeat_ms": 1})", "no setting 'hartbeat_ms'");
  check_refused(R"({"heartbeat_ms": "fast"})", "'heartbeat_ms' has the wrong type");
  check_refused(R"({"heartbeat_ms": 1})", "at least 10");
  check_refused(R"({"dispatch_window": 0})", "should be positive");
  check_refused(R"({"specs": {"x": {}}})", "'argv' should name a program");
  check_refused(R"({"specs": {"x": {"argv": ["/x"], "cwd": "here"}}})", "absolute");
  broker::Options options;
  CHECK_THROWS_WITH_AS(broker::read_config("/nonexistent/oast.json", options),
                       doctest::Contains("cannot read"), Error);
}
