#include "line_editor.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "console.hpp"
#include "history_file.hpp"
#include "table.hpp"
#include "terminal_text.hpp"

namespace oast::cli {
namespace {

// What all of them begin with.
std::string common_prefix(const std::vector<std::string>& words) {
  std::string prefix = words.front();
  for (const std::string& word : words) {
    const auto end = std::mismatch(prefix.begin(), prefix.end(), word.begin(), word.end());
    prefix.erase(end.first, prefix.end());
  }
  return prefix;
}

}  // namespace

LineEditor::LineEditor(SignalReader& signals, Complete complete)
    : signals_(signals),
      complete_(std::move(complete)),
      editor_(el_init("oast", stdin, stdout, stderr), &el_end),
      history_(history_init(), &history_end) {
  if (!editor_ || !history_) throw std::runtime_error("cannot set up line editing");
  EditLine* e = editor_.get();
  HistEvent event{};
  history(history_.get(), &event, H_SETSIZE, int{HistoryFile::kKept});
  history(history_.get(), &event, H_SETUNIQUE, 1);
  el_set(e, EL_CLIENTDATA, this);
  el_set(e, EL_PROMPT, &LineEditor::prompt_of);
  el_set(e, EL_EDITOR, "emacs");
  el_set(e, EL_HIST, &history, history_.get());
  el_set(e, EL_GETCFN, &LineEditor::read_char);
  el_set(e, EL_ADDFN, "oast-complete", "Complete what stands at the cursor",
         &LineEditor::complete_here);
  el_set(e, EL_BIND, "^I", "oast-complete", nullptr);
  el_set(e, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(e, EL_BIND, "\\e[1;5C", "em-next-word", nullptr);
  el_set(e, EL_BIND, "\\e[1;5D", "ed-prev-word", nullptr);
  el_set(e, EL_BIND, "\\e[3~", "ed-delete-next-char", nullptr);
  el_source(e, nullptr);  // the person's own ~/.editrc
}

LineEditor::~LineEditor() = default;

LineEditor::Result LineEditor::read(const std::string& prompt, const std::string& initial) {
  prompt_ = prompt;
  ended_ = End::line;
  el_resize(editor_.get());  // the window may have changed while code ran
  // Before the prompt invites to type: what came earlier, the terminal would take for its own.
  el_set(editor_.get(), EL_PREP_TERM, 1);
  if (!initial.empty()) el_push(editor_.get(), initial.c_str());
  {
    const std::lock_guard lock(mutex_);
    reading_ = true;
  }
  // Before the prompt, which libedit shows first: a Ctrl-D that comes between the two would be
  // lost.
  el_set(editor_.get(), EL_PREP_TERM, 1);
  int count = 0;
  const char* text = el_gets(editor_.get(), &count);
  {
    const std::lock_guard lock(mutex_);
    reading_ = false;
  }
  if (ended_ == End::interrupted) out().print("^C\n");
  if (ended_ != End::line) return {ended_, {}, signal_};
  if (!text || count <= 0) return {End::end, {}, 0};
  std::string line(text, static_cast<std::size_t>(count));
  if (line.ends_with('\n')) line.pop_back();
  return {End::line, std::move(line), 0};
}

void LineEditor::remember(const std::string& entry) {
  HistEvent event{};
  history(history_.get(), &event, H_ENTER, entry.c_str());
}

void LineEditor::print(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (reading_) {
    pending_ += text;
    pending_bell_.set();
  } else {
    out().write(text);
  }
}

LineEditor& LineEditor::self(EditLine* editor) {
  void* data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  return *static_cast<LineEditor*>(data);
}

const char* LineEditor::prompt_of(EditLine* editor) { return self(editor).prompt_.c_str(); }

int LineEditor::read_char(EditLine* editor, wchar_t* result) {
  return self(editor).next_char(result);
}

unsigned char LineEditor::complete_here(EditLine* editor, int /*key*/) {
  return self(editor).complete();
}

bool LineEditor::wait_for_key() {
  std::array<pollfd, 3> fds{
      {{STDIN_FILENO, POLLIN, 0}, {signals_.fd(), POLLIN, 0}, {pending_bell_.fd(), POLLIN, 0}}};
  for (;;) {
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    if (const auto signal = signals_.take()) {
      if (!asks_to_end(*signal)) {
        adapt(*signal);
        continue;
      }
      ended_ = *signal == SIGINT ? End::interrupted : End::terminated;
      signal_ = *signal;
      return false;
    }
    if (fds[2].revents != 0) show_pending();
    if (fds[0].revents != 0) return true;
  }
}

void LineEditor::adapt(int signal) {
  if (signal == SIGWINCH) el_resize(editor_.get());
  if (signal == SIGCONT) {  // Ctrl-Z and fg: the shell has changed the terminal meanwhile
    el_set(editor_.get(), EL_PREP_TERM, 1);
    el_set(editor_.get(), EL_REFRESH);
  }
}

int LineEditor::next_char(wchar_t* result) {
  for (;;) {
    const CodePoint point = first_code_point(bytes_);
    if (point.size > 0) {
      *result = static_cast<wchar_t>(point.value);
      bytes_.erase(0, point.size);
      return 1;
    }
    constexpr std::size_t kLongest = 4;
    if (bytes_.size() >= kLongest) bytes_.erase(0, 1);  // no UTF-8, whatever may follow
    if (!wait_for_key()) {
      bytes_.clear();
      return -1;
    }
    char byte = 0;
    const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      ended_ = End::end;
      return 0;
    }
    bytes_ += byte;
  }
}

void LineEditor::show_pending() {
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    text = std::exchange(pending_, {});
    pending_bell_.clear();
  }
  if (!text.ends_with('\n')) text += '\n';
  out().write("\r\x1b[J" + text);
  el_set(editor_.get(), EL_REFRESH);
}

unsigned char LineEditor::complete() {
  const LineInfo* info = el_line(editor_.get());
  const std::string_view line(info->buffer,
                              static_cast<std::size_t>(info->lastchar - info->buffer));
  const auto cursor = static_cast<std::size_t>(info->cursor - info->buffer);
  if (line.substr(0, cursor).find_first_not_of(" \t") == std::string_view::npos) {
    el_insertstr(editor_.get(), "  ");  // at the beginning of a line Tab indents
    return CC_REFRESH;
  }
  Completions found;
  try {
    found = complete_(line, cursor);
  } catch (const Error&) {
    return CC_ERROR;
  }
  if (found.matches.empty() || found.start > cursor) return CC_ERROR;
  const std::string typed(line.substr(found.start, cursor - found.start));
  const std::string prefix = common_prefix(found.matches);
  if (prefix.starts_with(typed) && prefix != typed) {
    el_insertstr(editor_.get(), prefix.substr(typed.size()).c_str());
    return CC_REFRESH;
  }
  if (found.matches.size() == 1) return prefix == typed ? CC_NORM : CC_ERROR;
  show_matches(found.matches);
  return CC_REDISPLAY;
}

void LineEditor::show_matches(const std::vector<std::string>& matches) {
  constexpr std::size_t kMost = 200;
  std::size_t widest = 0;
  for (const std::string& match : matches) widest = std::max(widest, columns(match));
  const std::size_t width = widest + 2;
  const std::size_t across = std::max<std::size_t>(1, window_size(STDOUT_FILENO).columns / width);
  const std::size_t shown = std::min(matches.size(), kMost);
  const std::size_t down = (shown + across - 1) / across;
  std::string text = "\n";
  for (std::size_t row = 0; row < down; ++row) {
    std::string line;
    for (std::size_t i = row; i < shown; i += down) {
      line += printable(matches[i]) + std::string(width - columns(matches[i]), ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  if (shown < matches.size()) text += std::to_string(matches.size() - shown) + " more\n";
  out().write(text);
}

}  // namespace oast::cli
