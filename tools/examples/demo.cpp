// What tools/demo runs: Lua workers that work, run astray and die, and what their host sees of it.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oast/oast.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWidth = 76;
constexpr int kHeight = 26;
constexpr std::size_t kWorkers = 4;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

void heading(std::string_view text) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  std::printf(terminal ? "\n\033[1m%.*s\033[0m\n\n" : "\n%.*s\n\n", static_cast<int>(text.size()),
              text.data());
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<oast::Worker> start_workers() {
  const auto begin = Clock::now();
  std::vector<oast::Worker> workers;
  for (std::size_t i = 0; i < kWorkers; ++i) workers.emplace_back("lua");
  std::printf("started in %.0f ms:", milliseconds_since(begin));
  for (const oast::Worker& worker : workers)
    std::printf("  %s (process %d)", worker.name().c_str(), worker.info().pid);
  std::printf("\n");
  return workers;
}

/// Every worker learns what the file defines.
void teach(std::vector<oast::Worker>& workers, const std::string& folder, const char* name) {
  oast::EvalOptions options;
  options.source_name = name;
  const std::string code = read_file(folder + "/" + name);
  for (oast::Worker& worker : workers) worker.remote_eval_wait(code, options);
}

/// Rows are dealt out like cards. Each worker's dots show as its number as soon as they arrive.
void draw_mandelbrot(std::vector<oast::Worker>& workers) {
  std::printf("rows done, by worker: ");
  const auto begin = Clock::now();
  std::mutex terminal;
  std::vector<oast::Future<oast::Value>> parts;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    oast::EvalOptions options;
    options.on_output = [i, &terminal](const oast::Output& output) {
      const std::scoped_lock lock(terminal);
      for (std::size_t dot = 0; dot < output.text.size(); ++dot) std::printf("%zu", i + 1);
      std::fflush(stdout);
    };
    parts.push_back(
        workers[i].remote_call("mandelbrot", {i + 1, workers.size(), kWidth, kHeight}, options));
  }
  std::map<int, std::string> rows;
  for (const auto& part : parts)
    for (const oast::Value& row : part.get().as<oast::Value::List>())
      rows[row.find("row")->as<int>()] = row.find("text")->as<std::string>();
  std::printf("  in %.0f ms\n\n", milliseconds_since(begin));
  for (const auto& [number, text] : rows) std::printf("%s\n", text.c_str());
}

/// About `count` equal parts of the text, split between lines.
std::vector<std::string> split(const std::string& text, std::size_t count) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin + text.size() / count), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return parts;
}

void count_words(std::vector<oast::Worker>& workers, const std::string& path) {
  std::vector<oast::Future<oast::Value>> parts;
  for (const std::string& part : split(read_file(path), workers.size()))
    parts.push_back(workers[parts.size() % workers.size()].remote_call("word_count", {part}));
  std::map<std::string, int> counts;
  for (const auto& part : parts)
    for (const auto& [word, times] : part.get().as<std::map<std::string, int>>())
      counts[word] += times;
  std::vector<std::pair<std::string, int>> ranking(counts.begin(), counts.end());
  std::ranges::stable_sort(ranking, std::greater{}, &std::pair<std::string, int>::second);
  for (std::size_t i = 0; i < std::min<std::size_t>(ranking.size(), 8); ++i)
    std::printf("%6d  %s\n", ranking[i].second, ranking[i].first.c_str());
  std::printf("%6zu  different words in all\n", counts.size());
}

/// Evaluates code that says that it has begun, and returns when it has.
oast::Future<oast::Value> begin(oast::Worker& worker, const std::string& code) {
  auto begun = std::make_shared<std::promise<void>>();
  oast::EvalOptions options;
  options.on_output = [begun, done = false](const oast::Output&) mutable {
    if (!std::exchange(done, true)) begun->set_value();
  };
  auto answer = worker.remote_eval(code, options);
  begun->get_future().wait_for(std::chrono::seconds(30));
  return answer;
}

/// `code`, as typed at a prompt, with what the worker answers.
void show_answer(oast::Worker& worker, const char* code) {
  const auto answer = worker.remote_eval_fetch(code);
  std::printf("%s> %s\n%lld\n", worker.name().c_str(), code,
              static_cast<long long>(answer.as<std::int64_t>()));
}

void interrupt_endless_loop(oast::Worker& worker) {
  std::printf("%s> answer = 42; while true do end\n", worker.name().c_str());
  const auto loop = begin(worker, "answer = 42; print('looping') while true do end");
  const auto asked = Clock::now();
  const oast::InterruptOutcome outcome = worker.interrupt();
  try {
    loop.get();
  } catch (const oast::Error& error) {
    std::printf("%s in %.1f ms\n", std::string(to_string(outcome)).c_str(),
                milliseconds_since(asked));
  }
  show_answer(worker, "answer");
}

/// The last line that is not empty.
std::string last_line(const std::string& text) {
  std::istringstream lines(text);
  std::string last;
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) last = line;
  return last;
}

void kill_and_explain(oast::Worker& worker) {
  const int pid = worker.info().pid;
  std::printf("$ kill -9 %d    # %s, in the middle of its work\n", pid, worker.name().c_str());
  const auto work = begin(worker, "io.stderr:write('\\nstep 41 of 100\\n') while true do end");
  const auto killed = Clock::now();
  ::kill(pid, SIGKILL);
  try {
    work.get();
  } catch (const oast::TerminatedWorkerException& error) {
    const oast::Death& death = error.failure().death;
    std::printf("known in %.1f ms: %s\n", milliseconds_since(killed), error.what());
    std::printf("its last words: %s\n", last_line(death.stderr_tail).c_str());
  }
}

void run(const std::string& folder, const std::string& text) {
  heading("Four Lua workers, each a process of its own");
  std::vector<oast::Worker> workers = start_workers();

  heading("They draw a Mandelbrot set together");
  teach(workers, folder, "mandelbrot.lua");
  draw_mandelbrot(workers);

  heading("They count the words of README.md, a quarter each");
  teach(workers, folder, "word_count.lua");
  count_words(workers, text);

  heading("One runs an endless loop and is interrupted; it keeps its state and goes on");
  interrupt_endless_loop(workers[1]);

  heading("One is killed, and its host is told how it died; the others do not notice");
  kill_and_explain(workers[2]);
  show_answer(workers[3], "6 * 7");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "Usage: oast-demo FOLDER-OF-EXAMPLES TEXT-FILE\n");
    return 2;
  }
  try {
    run(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "oast-demo: %s\n", error.what());
    return 1;
  }
}
