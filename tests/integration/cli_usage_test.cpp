// What `oast` says to those who do not know it yet.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "cli_fixture.hpp"

using namespace oast::test;

namespace {

const Words kCommands{"eval",       "run",  "repl",  "specs",     "broker", "start",
                      "ps",         "top",  "watch", "interrupt", "stop",   "kill",
                      "completion", "logs", "wait",  "attach",    "jupyter"};

// The long options that --help of a command shows.
std::set<std::string> options_of(const Nest& nest, const std::string& command) {
  const auto ended = command == "jupyter" ? run(nest, {command, "install", "--help"})
                                          : run(nest, {command, "--help"});
  const std::string help = ended.out;
  const std::string options = help.substr(0, help.find("Examples:"));
  const std::regex option("(^|[ ,])--([a-z][a-z-]*)");
  std::set<std::string> found;
  for (std::sregex_iterator it(options.begin(), options.end(), option), end; it != end; ++it) {
    found.insert((*it)[2]);
  }
  return found;
}

}  // namespace

TEST_CASE("every command has a help with examples") {
  const Nest nest;
  const auto all = run(nest, {"--help"});
  CHECK(all.code == 0);
  CHECK(contains(all.out, "Exit codes"));
  for (const std::string& command : kCommands) {
    CHECK_MESSAGE(contains(all.out, "  " + command), command);
    const auto help = run(nest, {command, "--help"});
    CHECK(help.code == 0);
    CHECK_MESSAGE(contains(help.out, "Examples:\n  "), command);
    CHECK_MESSAGE(contains(help.out, "oast " + command), command);
    CHECK(help.err.empty());
  }
}

TEST_CASE("nonsense exits 2 and says what would be right") {
  const Nest nest;
  const std::vector<std::pair<Words, std::string>> cases{
      {{}, "subcommand"},
      {{"evaluate", "1"}, "evaluate"},
      {{"eval"}, "CODE"},
      {{"eval", ""}, "CODE"},
      {{"eval", " \n"}, "CODE"},
      {{"eval", "1", "2"}, "2"},
      {{"eval", "--bogus", "1"}, "no option `--bogus`"},
      {{"eval", "--bogus"}, "no option `--bogus`"},
      {{"stop", "--bogus"}, "no option `--bogus`"},
      {{"-x"}, "no option `-x`"},
      {{""}, "no command ``"},
      {{"run", ""}, "cannot read ``"},
      {{"eval", "--timeout", "soon", "1"}, "number of seconds"},
      {{"eval", "--timeout", "0", "1"}, "greater than 0"},
      {{"eval", "--timeout", "-1", "1"}, "greater than 0"},
      {{"eval", "--timeout", "nan", "1"}, "number of seconds"},
      {{"eval", "-k", "lua", "--to", "x", "1"}, "--to"},
      {{"run"}, "FILE"},
      {{"run", "--bogus", "x.lua"}, "--bogus"},
      {{"run", "missing.lua"}, "missing.lua"},
      {{"run", "/"}, "/"},
      {{"start", "--env", "NAME"}, "NAME=VALUE"},
      {{"start", "--cwd", "/nowhere"}, "/nowhere"},
      {{"interrupt"}, "K"},
      {{"eval", "--to", "", "1"}, "--to: should not be empty"},
      {{"eval", "-b", "", "1"}, "--broker: should not be empty"},
      {{"start", "--name", ""}, "--name: should not be empty"},
      {{"stop", ""}, "K: should not be empty"},
      {{"interrupt", "a", "--request", "x"}, "--request: wants a number from 1 on"},
      {{"interrupt", "a", "--request", "0"}, "--request: wants a number from 1 on"},
      {{"interrupt", "a", "--request", std::string(300, '9')}, "not `99999"},
      {{"interrupt", "a", "--request", "x:1"}, "`x:1` is no request"},
      {{"kill", "a", "--signal", "NOISE"}, "TERM"},
      {{"stop", "a", "--timeout", "x"}, "seconds"},
      {{"broker", "--config", "missing.json"}, "missing.json"},
      {{"completion", "tcsh"}, "bash, zsh or fish"},
      {{"jupyter"}, "subcommand"},
      {{"jupyter", "instal"}, "instal"},
      {{"jupyter", "install", "--prefix", ""}, "--prefix: should not be empty"},
      {{"jupyter", "install", "cobol"}, "there is no spec `cobol`"},
  };
  for (const auto& [words, hint] : cases) {
    const auto ended = run(nest, words);
    std::string line;
    for (const std::string& word : words) line += " " + word;
    CHECK_MESSAGE(ended.code == 2, line);
    CHECK_MESSAGE(ended.out.empty(), line);
    CHECK_MESSAGE(contains(ended.err, hint), line << ": " << ended.err);
    CHECK_MESSAGE(contains(ended.err, "--help"), line);
    CHECK_MESSAGE(ended.err.size() < 250, line << ": " << ended.err);
  }
}

TEST_CASE("specs lists what -k may name, also without a daemon") {
  const Nest nest;
  const auto table = run(nest, {"specs"});
  CHECK(table.code == 0);
  CHECK(contains(table.out, "lua"));
  const oast::test::Json json = oast::test::Json::parse(run(nest, {"specs", "--json"}).out);
  const auto lua = std::find_if(json.begin(), json.end(), [](const oast::test::Json& spec) {
    return spec.at("name") == "lua";
  });
  REQUIRE(lua != json.end());
  CHECK(lua->at("problem").is_null());
}

TEST_CASE("the completion scripts know every command and every option") {
  const Nest nest;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = run(nest, {"completion", shell});
    CHECK(script.code == 0);
    for (const std::string& command : kCommands) {
      CHECK_MESSAGE(contains(script.out, command), shell << " " << command);
      for (const std::string& option : options_of(nest, command)) {
        const bool fish = std::string(shell) == "fish";
        CHECK_MESSAGE(contains(script.out, (fish ? "-l " : "--") + option),
                      shell << " " << command << " --" << option);
      }
    }
  }
}

TEST_CASE("the bash script completes commands, options and kernels") {
  const Nest nest;
  const RunningBroker broker(nest);
  REQUIRE(run(nest, {"start", "--detach", "--name", "worker-bee"}).code == 0);
  const auto complete = [&](const std::string& words, int word) {
    const std::string script = "eval \"$(oast completion bash)\"; compopt() { :; }; COMP_WORDS=(" +
                               words + "); COMP_CWORD=" + std::to_string(word) +
                               "; _oast; echo \"${COMPREPLY[*]}\"";
    const std::string command = "PATH='" OAST_PROGRAMS ":/usr/bin:/bin' XDG_RUNTIME_DIR='" +
                                nest.path().string() + "' bash -c '" + script + "'";
    FILE* pipe = popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    for (int c = 0; (c = fgetc(pipe)) != EOF;) text += static_cast<char>(c);
    CHECK(pclose(pipe) == 0);
    return text;
  };
  CHECK(complete("oast ev", 1) == "eval\n");
  CHECK(complete("oast eval --ti", 2) == "--timeout\n");
  CHECK(complete("oast stop w", 2) == "worker-bee\n");
  CHECK(complete("oast eval --to \"\"", 3) == "worker-bee\n");
  CHECK(complete("oast jupyter in", 2) == "install\n");
  CHECK(complete("oast jupyter install lu", 3) == "lua\n");
  CHECK(complete("oast jupyter run --al", 3) == "--allow-errors\n");
}

TEST_CASE("a full disk is an error, not silence") {
  const Nest nest;
  const std::string command = "XDG_RUNTIME_DIR='" + nest.path().string() +
                              "' " OAST_PROGRAMS "/oast eval 1 > /dev/full 2>'" +
                              (nest.path() / "err").string() + "'";
  CHECK(WEXITSTATUS(std::system(command.c_str())) == 6);
  std::ifstream file(nest.path() / "err");
  std::string line;
  std::getline(file, line);
  CHECK(contains(line, "cannot write to stdout"));
}

TEST_CASE("colours only on a terminal, and never with NO_COLOR") {
  const Nest nest;
  CHECK_FALSE(contains(run(nest, {"eval", "error('x')"}).err, "\x1b["));
  Oast plain(nest, {"eval", "error('x')"}, On::terminal, {{"NO_COLOR", "1"}});
  CHECK_FALSE(contains(plain.end().out, "\x1b["));
  Oast coloured(nest, {"eval", "error('x')"}, On::terminal);
  CHECK(contains(coloured.end().out, "\x1b["));
}
