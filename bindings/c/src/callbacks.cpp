// Memory and callbacks of the caller.
#include <cstddef>
#include <vector>

#include "api_boundary.hpp"
#include "handles.hpp"

struct oast_line {
  std::size_t bytes = 0;  // 0: a line is asked for
  std::optional<std::string> text;
};

namespace oast::c {

namespace {

/// Calls `release(context)` when its last user goes.
class Lent {
 public:
  Lent(oast_release release, void* context) : release_(release), context_(context) {}
  ~Lent() {
    if (release_ != nullptr) release_(context_);
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

 private:
  const oast_release release_;
  void* const context_;
};

std::shared_ptr<const Lent> lend(oast_release release, void* context) {
  try {
    return std::make_shared<const Lent>(release, context);
  } catch (...) {
    if (release != nullptr) release(context);
    throw;
  }
}

oast_mime_part to_part(const std::pair<std::string, Value>& part) {
  const auto* text = std::get_if<std::string>(&part.second.variant());
  const auto* bytes = std::get_if<Buffer>(&part.second.variant());
  const std::string_view data = text != nullptr    ? std::string_view(*text)
                                : bytes != nullptr ? bytes->view()
                                                   : std::string_view();
  return {part.first.c_str(), bytes == nullptr ? 1 : 0, data.data(), data.size()};
}

}  // namespace

OutputView::OutputView(const Output& output) {
  parts_.reserve(output.parts.size());
  for (const auto& part : output.parts) parts_.push_back(to_part(part));
  view_ = {.stream = static_cast<std::uint32_t>(output.stream),
           .update = output.update ? 1 : 0,
           .wait = output.wait ? 1 : 0,
           .is_utf8 = output.utf8 ? 1 : 0,
           .text = to_c(output.text),
           .parts = parts_.data(),
           .parts_count = parts_.size(),
           .display_id = output.display_id.c_str(),
           .result = output.result ? 1 : 0};
}

std::shared_ptr<const void> lender(oast_release release, void* context) {
  if (release == nullptr) return nullptr;
  return lend(release, context);
}

Callbacks::Callbacks(const oast_callbacks& callbacks) {
  const auto shared = lend(callbacks.release, callbacks.context);
  void* const context = callbacks.context;
  if (callbacks.on_output != nullptr) {
    on_output = [shared, context, function = callbacks.on_output](const Output& output) {
      function(context, &OutputView(output).get());
    };
  }
  if (callbacks.on_input != nullptr) {
    on_input = [shared, context, function = callbacks.on_input](const InputRequest& asked) {
      oast_line line{.bytes = asked.block_bytes};
      function(context, to_c(asked.prompt), asked.password ? 1 : 0, &line);
      return line.text;
    };
  }
}

}  // namespace oast::c

extern "C" {

oast_hold* oast_output_hold(void) {
  oast_hold* made = nullptr;
  static_cast<void>(oast::c::guarded([&] {
    if (auto hold = oast::hold_output())
      made = std::make_unique<oast_hold>(oast_hold{std::move(hold)}).release();
  }));
  return made;
}

void oast_hold_release(oast_hold* hold) {
  delete hold;  // NOLINT(cppcoreguidelines-owning-memory): what the C side owned
}

size_t oast_line_bytes(const oast_line* line) { return line == nullptr ? 0 : line->bytes; }

// Without memory for the answer, the code sees end of input.
void oast_line_set(oast_line* line, oast_text text) {
  static_cast<void>(oast::c::guarded([&] {
    oast_line& asked = oast::c::need(line, "the line");
    asked.text = std::string(oast::from_c(text));
    if (asked.bytes != 0) *asked.text += '\n';
  }));
}

void oast_line_set_bytes(oast_line* line, oast_text bytes) {
  static_cast<void>(oast::c::guarded(
      [&] { oast::c::need(line, "the line").text = std::string(oast::from_c(bytes)); }));
}
}
