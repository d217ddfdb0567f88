// Output, input and channels, for C.
#include <string>
#include <utility>

#include "c_abi.hpp"
#include "oast/utf8.hpp"

namespace oast::kernel {

namespace {

/// Whose output `tag` is.
RequestKey owner_of(oast_kernel& kernel, std::uint64_t tag) {
  const auto key = kernel.tags.find(tag);
  return key ? *key : kernel.process.shared().outputs.owner();
}

Display::Part part_from_c(const oast_mime_part& part) {
  if (part.mime == nullptr || *part.mime == '\0')
    throw Error(FailureKind::invalid, "a part of a display needs a MIME type");
  if (part.data == nullptr && part.size > 0)
    throw Error(FailureKind::invalid, "the data of a part is NULL and its size is not 0");
  const std::string_view data(static_cast<const char*>(part.data), part.size);
  if (part.is_text != 0) return {to_utf8(part.mime), to_utf8(data)};
  return {to_utf8(part.mime), Buffer::copy_of(data)};
}

Display display_from_c(const oast_mime_part* parts, std::size_t count, const char* id, int flags) {
  Display display;
  display.id = id == nullptr ? std::string() : to_utf8(id);
  display.update = (flags & OAST_DISPLAY_UPDATE) != 0;
  display.result = (flags & OAST_DISPLAY_RESULT) != 0;
  if ((flags & ~(OAST_DISPLAY_UPDATE | OAST_DISPLAY_RESULT)) != 0)
    throw Error(FailureKind::invalid, "there is no such flag of a display");
  if (display.update && display.id.empty())
    throw Error(FailureKind::invalid, "an update needs the display_id of what it replaces");
  for (std::size_t i = 0; i < count; ++i) display.parts.push_back(part_from_c(parts[i]));
  return display;
}

}  // namespace

}  // namespace oast::kernel

using namespace oast::kernel;  // NOLINT(google-build-using-namespace)

extern "C" {

oast_status oast_kernel_output(oast_kernel* kernel, uint64_t tag, oast_stream stream,
                               const char* text, size_t size) {
  return guarded([&] {
    if (stream != OAST_STDOUT && stream != OAST_STDERR)
      return failed(OAST_INVALID, "there is no such stream");
    if (text == nullptr && size > 0)
      return failed(OAST_INVALID, "the text is NULL and its size is not 0");
    const Stream to = stream == OAST_STDOUT ? Stream::out : Stream::err;
    if (const auto owner = kernel->tags.find(tag))
      kernel->services().output_of(*owner, to, {text, size});
    else
      kernel->services().output(to, {text, size});
    return OAST_OK;
  });
}

oast_status oast_kernel_display(oast_kernel* kernel, uint64_t tag, const oast_mime_part* parts,
                                size_t count, const char* display_id, int flags) {
  return guarded([&] {
    const Display display = display_from_c(parts, count, display_id, flags);
    kernel->services().display(owner_of(*kernel, tag), display);
    return OAST_OK;
  });
}

oast_status oast_kernel_clear_output(oast_kernel* kernel, uint64_t tag, int wait) {
  return guarded([&] {
    kernel->services().clear_output(owner_of(*kernel, tag), wait != 0);
    return OAST_OK;
  });
}

oast_status oast_kernel_flush(oast_kernel* kernel) {
  return guarded([&] {
    kernel->services().flush();
    return OAST_OK;
  });
}

oast_status oast_kernel_input(oast_kernel* kernel, oast_text prompt, int password,
                              oast_text* line) {
  return guarded([&] {
    auto answer = kernel->services().input(oast::from_c(prompt), password != 0);
    if (!answer) return failed(OAST_NOT_FOUND, "the input has ended");
    kernel->line = std::move(*answer);
    *line = oast::to_c(kernel->line);
    return OAST_OK;
  });
}

oast_status oast_kernel_read_input(oast_kernel* kernel, size_t most, oast_text* bytes) {
  return guarded([&] {
    kernel->line = kernel->services().read_input(most);
    *bytes = oast::to_c(kernel->line);
    return kernel->line.empty() && most != 0 ? failed(OAST_NOT_FOUND, "the input has ended")
                                             : OAST_OK;
  });
}

uint64_t oast_kernel_channel(oast_kernel* kernel, size_t capacity) {
  uint64_t id = 0;
  guarded([&] {
    id = kernel->services().make_channel(capacity).value;
    return OAST_OK;
  });
  return id;
}

oast_status oast_kernel_put(oast_kernel* kernel, uint64_t channel, oast_value value) {
  return guarded([&] {
    kernel->services().put(oast::ChannelId{channel}, oast::from_c(value));
    return OAST_OK;
  });
}

oast_status oast_kernel_take(oast_kernel* kernel, uint64_t channel, oast_value* value) {
  return guarded([&] {
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): lives until the next take
    thread_local oast::CValues taken;
    auto got = kernel->services().take(oast::ChannelId{channel});
    if (!got) return failed(OAST_NOT_FOUND, "the channel is closed and empty");
    std::vector<oast::Value> one;
    one.push_back(std::move(*got));
    taken = oast::CValues(std::move(one));
    *value = taken.get();
    return OAST_OK;
  });
}

oast_status oast_kernel_ready(oast_kernel* kernel, uint64_t channel, int* ready) {
  return guarded([&] {
    *ready = kernel->services().ready(oast::ChannelId{channel}) ? 1 : 0;
    return OAST_OK;
  });
}

oast_status oast_kernel_close_channel(oast_kernel* kernel, uint64_t channel) {
  return guarded([&] {
    kernel->services().close(oast::ChannelId{channel});
    return OAST_OK;
  });
}

}  // extern "C"
