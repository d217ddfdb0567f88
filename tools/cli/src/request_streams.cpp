#include "request_streams.hpp"

#include <unistd.h>

#include <system_error>
#include <utility>

#include "console.hpp"
#include "line_reader.hpp"

namespace oast::cli {

void RequestStreams::write(const Output& output) {
  if (muted_.is_set() || broken_.is_set()) return;
  if (collect_) {
    keep(output);
  } else {
    print(output);
  }
}

std::optional<std::string> RequestStreams::read(const InputRequest& asked) {
  const auto over = begin_read();
  if (over->is_set()) return std::nullopt;
  if (asked.block_bytes != 0) return input().block(asked.block_bytes, *over);
  if (!asked.prompt.empty() && !collect_) out().write(asked.prompt, over.get());
  std::optional<EchoOff> quiet;
  if (asked.password) quiet.emplace(STDIN_FILENO);
  auto line = input().line(*over);
  if (quiet && !collect_) out().write("\n", over.get());
  return line;
}

/// What calls it off. The one before is: its code was interrupted and asks anew.
std::shared_ptr<WakeEvent> RequestStreams::begin_read() {
  auto over = std::make_shared<WakeEvent>();
  const std::lock_guard lock(mutex_);
  if (reading_) reading_->set();
  if (ended_) over->set();
  return reading_ = std::move(over);
}

void RequestStreams::end() noexcept {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  if (reading_) reading_->set();
}

void RequestStreams::rethrow() {
  const std::lock_guard lock(mutex_);
  if (fault_) std::rethrow_exception(fault_);
}

std::vector<Output> RequestStreams::collected() {
  const std::lock_guard lock(mutex_);
  return std::move(outputs_);
}

void RequestStreams::keep(const Output& output) {
  const std::lock_guard lock(mutex_);
  const bool text = output.stream == Output::Stream::out || output.stream == Output::Stream::err;
  if (text && !outputs_.empty() && outputs_.back().stream == output.stream) {
    outputs_.back().text += output.text;
    outputs_.back().utf8 &= output.utf8;
  } else {
    outputs_.push_back(output);
  }
}

void RequestStreams::print(const Output& output) {
  Writer& writer = output.stream == Output::Stream::err ? err() : out();
  try {
    const bool text = output.stream != Output::Stream::display;
    const std::string gap = text || writer.at_line_start() ? "" : "\n";
    writer.write(text ? output.text : gap + display_text(output), &muted_);
    if (writer.reader_gone()) broken_.set();
  } catch (const std::system_error&) {
    {
      const std::lock_guard lock(mutex_);
      fault_ = std::current_exception();
    }
    broken_.set();
  }
}

std::string display_text(const Output& output) {
  for (const auto& [mime, part] : output.parts) {
    const auto* text = std::get_if<std::string>(&part.variant());
    if (text && mime == "text/plain") return *text + "\n";
  }
  std::string kinds;
  for (const auto& [mime, part] : output.parts) kinds += (kinds.empty() ? "" : ", ") + mime;
  return "<display: " + kinds + ">\n";
}

}  // namespace oast::cli
