#include "message_reader.hpp"

#include <array>
#include <utility>

#include "oast/error.hpp"

namespace oast::jupyter {
namespace {

constexpr std::size_t kJsonParts = 4;

std::size_t delimiter_of(const Frames& frames) {
  std::size_t at = 0;
  while (at < frames.size() && frames[at].to_string_view() != kDelimiter) ++at;
  return at;
}

void require_text(const Json& header, const char* name) {
  const auto found = header.find(name);
  if (found == header.end() || !found->is_string())
    throw Error(FailureKind::invalid,
                std::string("the header should have a string `") + name + "`");
}

/// Throws Error(invalid).
Message parse(const Signer::Parts& parts) {
  Message message;
  const std::array<Json*, kJsonParts> places{&message.header, &message.parent_header,
                                             &message.metadata, &message.content};
  constexpr std::array<const char*, kJsonParts> kNames{"header", "parent header", "metadata",
                                                       "content"};
  for (std::size_t i = 0; i < kJsonParts; ++i) {
    *places[i] = parse_json(parts[i]);
    if (!places[i]->is_object())
      throw Error(FailureKind::invalid, std::string("the ") + kNames[i] + " should be an object");
  }
  require_text(message.header, "msg_id");
  require_text(message.header, "msg_type");
  return message;
}

}  // namespace

std::optional<Message> MessageReader::read(Frames frames) {
  const std::size_t delimiter = delimiter_of(frames);
  const std::size_t buffers = delimiter + 2 + kJsonParts;
  if (frames.size() < buffers)
    return drop(dropped_.malformed, "there should be <IDS|MSG> and five frames after it");
  if (frames.size() > kMostFrames) return drop(dropped_.malformed, "there are too many frames");
  const std::string_view signature = frames[delimiter + 1].to_string_view();
  Signer::Parts parts;
  for (std::size_t i = 0; i < kJsonParts; ++i)
    parts.at(i) = frames[delimiter + 2 + i].to_string_view();
  if (signer_.signs() && signature.empty())
    return drop(dropped_.unsigned_frames, "there is no signature");
  if (!signer_.verify(signature, parts)) return drop(dropped_.forged, "the signature is not right");
  if (signer_.signs() && seen(signature))
    return drop(dropped_.replayed, "the same message has come before");
  try {
    Message message = parse(parts);
    for (std::size_t i = 0; i < delimiter; ++i) message.identities.push_back(frames[i].to_string());
    for (std::size_t i = buffers; i < frames.size(); ++i)
      message.buffers.push_back(std::move(frames[i]));
    return message;
  } catch (const Error& error) {
    return drop(dropped_.malformed, error.what());
  }
}

bool MessageReader::seen(std::string_view signature) {
  if (!seen_.emplace(signature).second) return true;
  order_.emplace_back(signature);
  if (order_.size() > kRemembered) {
    seen_.erase(order_.front());
    order_.pop_front();
  }
  return false;
}

std::optional<Message> MessageReader::drop(std::uint64_t& count, std::string why) {
  ++count;
  why_ = std::move(why);
  return std::nullopt;
}

}  // namespace oast::jupyter
