// Kernel specs: files, placeholders, and what is said of those that cannot start.
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "broker_fixture.hpp"
#include "oast/error.hpp"
#include "spec_expansion.hpp"
#include "spec_registry.hpp"

using namespace oast;
using namespace oast::test;
using namespace oast::broker;

namespace {

/// Restores the variable when it ends.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (before_)
      ::setenv(name_, before_->c_str(), 1);
    else
      ::unsetenv(name_);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

/// Two directories of specs in $OAST_SPECS, and nobody's own in the way.
struct Files {
  void write(const std::string& place, const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(scratch.path() / place / name);
    std::ofstream(scratch.path() / place / name / "oast.json") << text;
  }
  ScratchDirectory scratch;
  Variable specs{"OAST_SPECS",
                 (scratch.path() / "a").string() + ":" + (scratch.path() / "b").string()};
  Variable data{"XDG_DATA_HOME", (scratch.path() / "data").string()};
  SpecRegistry book{{}};
};

const wire::SpecInfoT& find(const std::vector<wire::SpecInfoT>& all, const std::string& name) {
  for (const auto& info : all)
    if (info.name == name) return info;
  FAIL("no spec " << name);
  return all.front();
}

void check_malformed(const std::string& text, const std::string& complaint) {
  const Files files;
  files.write("a", "bad", text);
  CHECK_THROWS_WITH_AS(files.book.require("bad"), doctest::Contains(complaint.c_str()), Error);
  files.write("a", "good", R"({"argv": ["/bin/sh"]})");
  const auto all = files.book.list();
  CHECK(find(all, "bad").problem.find(complaint) != std::string::npos);
  CHECK(find(all, "good").problem.empty());
}

KernelSpec with_argv(std::vector<std::string> argv) {
  KernelSpec result;
  result.name = "toy";
  result.argv = std::move(argv);
  return result;
}

}  // namespace

TEST_CASE("Specs: a file says everything of a kernel, and is read when somebody asks") {
  const Files files;
  CHECK_THROWS_WITH_AS(files.book.require("toy"), doctest::Contains("no kernel spec 'toy'"), Error);
  files.write("a", "toy", R"({"argv": ["{exename}", "-x"], "exename": "/bin/sh",
    "language": "toy", "display_name": "Toy", "features": ["complete"], "env": {"A": "1"},
    "cwd": "/tmp", "start_timeout_ms": 1234,
    "limits": {"memory": "512M", "cpu_seconds": 5, "open_files": 64, "processes": 3}})");
  const KernelSpec toy = files.book.require("toy");
  CHECK(toy.language == "toy");
  CHECK(toy.cwd == "/tmp");
  CHECK(toy.start_timeout == std::chrono::milliseconds(1234));
  CHECK(toy.limits.memory == std::uint64_t{512} << 20);
  CHECK(toy.limits.cpu_seconds == 5);
  CHECK(toy.limits.open_files == 64);
  CHECK(toy.limits.processes == 3);
  CHECK(toy.directory == files.scratch.path() / "a" / "toy");
  const auto all = files.book.list();
  CHECK(find(all, "toy").argv == std::vector<std::string>{"/bin/sh", "-x"});
  CHECK(find(all, "toy").features == std::vector<std::string>{"complete"});
  CHECK(find(all, "lua").problem.empty());
}

TEST_CASE("Specs: later directories win, and what a broker was made with wins over files") {
  const Files files;
  files.write("data/oast/specs", "toy", R"({"argv": ["/data"]})");
  CHECK(files.book.require("toy").argv[0] == "/data");
  files.write("a", "toy", R"({"argv": ["/a"]})");
  CHECK(files.book.require("toy").argv[0] == "/a");
  files.write("b", "toy", R"({"argv": ["/b"]})");
  CHECK(files.book.require("toy").argv[0] == "/b");
  files.write("a", "lua", R"({"argv": ["/my-lua"]})");
  CHECK(files.book.require("lua").argv[0] == "/my-lua");
  const SpecRegistry configured({with_argv({"/configured"})});
  CHECK(configured.require("toy").argv[0] == "/configured");
}

TEST_CASE("Specs: a malformed file is told with its place, and breaks no other") {
  check_malformed("{", "is not JSON");
  check_malformed("[]", "should be an object");
  check_malformed("{}", "'argv' should name a program");
  check_malformed(R"({"argv": ["x"], "evn": {}})", "no setting 'evn'");
  check_malformed(R"({"argv": ["x"], "cwd": "here"})", "absolute");
  check_malformed(R"({"argv": ["x"], "limits": {"memory": "much"}})", "'memory' should be bytes");
  check_malformed(R"({"argv": ["x"], "limits": {"memory": -1}})", "'memory' should be bytes");
  check_malformed(R"({"argv": ["x"], "limits": {"memory": "999999999T"}})", "'memory'");
  check_malformed(R"({"argv": ["x"], "limits": {"processes": 0}})", "'processes' should be");
  check_malformed(R"({"argv": ["x"], "limits": {"disk": 1}})", "no setting 'disk'");
  check_malformed(R"({"argv": ["x"], "start_timeout_ms": -5})", "'start_timeout_ms' should be");
  check_malformed(std::string(300'000, ' '), "too large");
}

TEST_CASE("Specs: what is no regular file is refused without waiting for it") {
  const Files files;
  files.write("a", "pipe", "");
  const auto path = files.scratch.path() / "a" / "pipe" / "oast.json";
  std::filesystem::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK_THROWS_WITH_AS(files.book.require("pipe"), doctest::Contains("should be a file"), Error);
  CHECK_FALSE(find(files.book.list(), "pipe").problem.empty());
}

TEST_CASE("Specs: a name cannot leave the directories of specs") {
  const Files files;
  std::ofstream(files.scratch.path() / "oast.json") << R"({"argv": ["/bin/sh"]})";
  std::filesystem::create_directories(files.scratch.path() / "a");
  for (const char* name : {"..", ".", "", "a/../b", "../a", "/etc"})
    CHECK_THROWS_WITH_AS(files.book.require(name), doctest::Contains("no kernel spec"), Error);
}

TEST_CASE("Specs: placeholders are the choice of the start, the directory, and our environment") {
  const Variable ours("OAST_TEST_OURS", "ours");
  KernelSpec toy = with_argv({"{exename}", "{exeflags}", "{directory}/main", "{\"json\": 1}"});
  toy.exename = "toy";
  toy.directory = "/specs/toy";
  toy.env = {{"A", "<${OAST_TEST_OURS}>"}, {"B", "${OAST_TEST_NOT_SET}"}, {"C", "{directory}"}};
  using Words = std::vector<std::string>;
  const Command plain = expand(toy);
  CHECK(plain.argv == Words{"toy", "/specs/toy/main", "{\"json\": 1}"});
  CHECK(plain.env == std::map<std::string, std::string>{{"A", "<ours>"}, {"C", "/specs/toy"}});
  const Command chosen = expand(toy, {.exename = "/venv/toy", .exeflags = {"-a", "b c"}});
  CHECK(chosen.argv == Words{"/venv/toy", "-a", "b c", "/specs/toy/main", "{\"json\": 1}"});
  CHECK_THROWS_WITH_AS(expand(toy, {.exename = "venv/toy", .exeflags = {}}),
                       doctest::Contains("should be absolute"), Error);
  const KernelSpec fixed = with_argv({"/bin/sh"});
  CHECK_THROWS_WITH_AS(expand(fixed, {.exename = "/x", .exeflags = {}}),
                       doctest::Contains("takes no exename"), Error);
  CHECK_THROWS_WITH_AS(expand(fixed, {.exename = "", .exeflags = {"-x"}}),
                       doctest::Contains("takes no exeflags"), Error);
}

TEST_CASE("Specs: a program that is not there is told before anybody starts it") {
  CHECK(problem_of(with_argv({"/bin/sh"})).empty());
  CHECK(problem_of(with_argv({"sh"})).empty());
  CHECK(problem_of(with_argv({"/nonexistent/sh"})) == "/nonexistent/sh cannot be run");
  KernelSpec elsewhere = with_argv({"sh"});
  elsewhere.env = {{"PATH", "/nonexistent:/tmp"}};
  CHECK(problem_of(elsewhere) == "sh is not in /nonexistent:/tmp");
  CHECK(problem_of(with_argv({"{exename}"})).find("needs an exename") != std::string::npos);
}

TEST_CASE("Specs: those of Python come with oast") {
  const Files files;
  for (const char* name : {"python", "ipython"}) {
    const KernelSpec spec = files.book.require(name);
    CHECK(spec.language == "python");
    CHECK(spec.exename == "python3");
    CHECK(std::filesystem::exists(spec.directory / "oast.json"));
  }
}
