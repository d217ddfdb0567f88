// What LocalEngine does for its engine, on the engine's thread.
#include <utility>

#include "local_engine.hpp"
#include "oast/utf8.hpp"
#include "thread.hpp"

namespace oast::detail {

void LocalEngine::output(kernel::Stream stream, std::string_view text) {
  const auto request = current();
  const Output output{
      .stream = stream == kernel::Stream::err ? Output::Stream::err : Output::Stream::out,
      .text = std::string(text),
      .utf8 = is_utf8(text)};
  if (request) {
    request->output(output, options_.on_output);
  } else if (options_.on_output) {
    options_.on_output(output);
  }
}

std::optional<std::string> LocalEngine::input(std::string_view prompt, bool password) {
  return ask({.prompt = std::string(prompt), .password = password});
}

std::string LocalEngine::read_input(std::size_t most) {
  return input_.read(most, [&] { return ask({.block_bytes = most}).value_or(""); });
}

std::optional<std::string> LocalEngine::ask(InputRequest asked) {
  const auto request = current();
  const InputCallback callback =
      request && request->on_input ? request->on_input : options_.on_input;
  if (!callback) return std::nullopt;

  const RequestKey key = next_key();
  return answer_.ask(key, false, wait_, [&](std::uint64_t /*number*/) {
    // Nobody waits for this thread: the callback may sit at a terminal for ever.
    start_thread("oast-input", [weak = weak_from_this(), key, callback, asked = std::move(asked)] {
      std::optional<std::string> answer;
      try {
        answer = callback(asked);
      } catch (...) {  // counts as end of input, as InputCallback says
        answer.reset();
      }
      const auto self = weak.lock();
      if (!self) return;
      self->answer_.answer(key, 0, std::move(answer));
      self->wait_.notify();
    }).detach();
  });
}

void LocalEngine::exit(int code) {
  throw Error(FailureKind::unimplemented,
              "os.exit(" + std::to_string(code) + ") would end the host of an in-process worker");
}

}  // namespace oast::detail
