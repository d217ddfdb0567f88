// Frames of Jupyter messages: any bytes are dropped and counted, or are a message that can be
// written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "message_reader.hpp"
#include "message_writer.hpp"

using namespace oast::jupyter;

namespace {

/// Frames of the input: each is a byte that says how long it is, 255 for all the rest, and that
/// many bytes.
std::vector<std::string> frames_of(std::string_view bytes) {
  std::vector<std::string> frames;
  while (!bytes.empty()) {
    const auto said = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    const std::size_t size = said == 255 ? bytes.size() : said;
    frames.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(frames.back().size());
  }
  return frames;
}

Frames messages_of(const std::vector<std::string>& texts) {
  Frames frames;
  for (const std::string& text : texts) frames.emplace_back(text);
  return frames;
}

void require(bool fact) {
  if (!fact) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto texts = frames_of({reinterpret_cast<const char*>(data), size});
  MessageReader checking{Signer("k")};
  const bool passed = checking.read(messages_of(texts)).has_value();
  require(passed == (checking.dropped().all() == 0));

  // Without a key what is behind the signature is reached.
  MessageReader reader{Signer("")};
  auto message = reader.read(messages_of(texts));
  require(message.has_value() == (reader.dropped().all() == 0));
  if (!message) return 0;
  const MessageWriter writer{Signer("")};
  const std::string header = dump_json(message->header);
  const auto again = reader.read(writer.write(*message));
  require(again.has_value() && dump_json(again->header) == header);
  return 0;
}
