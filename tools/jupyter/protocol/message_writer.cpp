#include "message_writer.hpp"

#include <sys/random.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <system_error>
#include <utility>

namespace oast::jupyter {

MessageWriter::MessageWriter(Signer signer, std::string session, std::string username)
    : signer_(std::move(signer)),
      session_(session.empty() ? random_id() : std::move(session)),
      username_(std::move(username)) {}

Json MessageWriter::header(std::string_view type) {
  return {{"msg_id", session_ + "_" + std::to_string(++last_)},
          {"session", session_},
          {"username", username_},
          {"date", date_text()},
          {"msg_type", type},
          {"version", kProtocolVersion}};
}

Frames MessageWriter::write(Message& message) const {
  const std::array<std::string, 4> texts{dump_json(message.header),
                                         dump_json(message.parent_header),
                                         dump_json(message.metadata), dump_json(message.content)};
  Frames frames;
  for (const std::string& identity : message.identities) frames.emplace_back(identity);
  frames.emplace_back(kDelimiter);
  frames.emplace_back(signer_.sign({texts[0], texts[1], texts[2], texts[3]}));
  for (const std::string& text : texts) frames.emplace_back(text);
  for (zmq::message_t& buffer : message.buffers) frames.push_back(std::move(buffer));
  message.buffers.clear();
  return frames;
}

std::string random_id() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  std::string text;
  for (const unsigned char byte : bytes) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned>(byte));
    text += digits.data();
  }
  return text;
}

std::string date_text() {
  timeval now{};
  gettimeofday(&now, nullptr);
  std::tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%06ldZ", static_cast<long>(now.tv_usec));
  return std::string(text.data(), size) + fraction.data();
}

}  // namespace oast::jupyter
