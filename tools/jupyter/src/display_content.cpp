#include "display_content.hpp"

#include <openssl/evp.h>

#include <string>
#include <string_view>

#include "oast/error.hpp"
#include "oast/value.hpp"

namespace oast::jupyter {
namespace {

/// It is no form of what is displayed, but says more of the others: the width of an image, say.
constexpr std::string_view kMetadata = "application/vnd.jupyter.metadata+json";

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and the zero that OpenSSL adds
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

bool is_json(std::string_view mime) {
  return mime == "application/json" || mime.ends_with("+json");
}

Json text_form(std::string_view mime, const std::string& text) {
  if (!is_json(mime)) return text;
  try {
    return parse_json(text);
  } catch (const Error&) {
    return text;  // it is not what it says: let the frontend show it
  }
}

Json form(std::string_view mime, const Value& part) {
  if (const auto* text = std::get_if<std::string>(&part.variant())) return text_form(mime, *text);
  if (const auto* bytes = std::get_if<Buffer>(&part.variant())) return base64(bytes->view());
  return nullptr;
}

}  // namespace

Json display_content(const Output& display) {
  Json data = Json::object();
  Json metadata = Json::object();
  for (const auto& [mime, part] : display.parts)
    (mime == kMetadata ? metadata : data[mime]) = form(mime, part);
  Json transient = Json::object();
  if (!display.display_id.empty()) transient["display_id"] = display.display_id;
  return {{"data", std::move(data)},
          {"metadata", std::move(metadata)},
          {"transient", std::move(transient)}};
}

}  // namespace oast::jupyter
