#include "signature.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>
#include <new>
#include <utility>

#include "oast/error.hpp"

namespace oast::jupyter {
namespace {

constexpr std::string_view kPrefix = "hmac-";

template <auto free>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};

std::string hexadecimal(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

}  // namespace

Signer::Signer(std::string key, std::string_view scheme) : key_(std::move(key)) {
  hash_ = scheme.starts_with(kPrefix) ? scheme.substr(kPrefix.size()) : scheme;
  const std::unique_ptr<EVP_MD, Free<EVP_MD_free>> hash(
      EVP_MD_fetch(nullptr, hash_.c_str(), nullptr));
  if (!scheme.starts_with(kPrefix) || hash == nullptr)
    throw Error(FailureKind::invalid,
                "the signature scheme should be hmac-sha256, or hmac- and "
                "another hash, not `" +
                    std::string(scheme) + "`");
}

std::string Signer::sign(const Parts& parts) const {
  if (!signs()) return {};
  const std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>> key(EVP_PKEY_new_mac_key(
      EVP_PKEY_HMAC, nullptr, reinterpret_cast<const unsigned char*>(key_.data()),
      static_cast<int>(key_.size())));
  const std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::size_t size = digest.size();
  bool good = key != nullptr && context != nullptr &&
              EVP_DigestSignInit_ex(context.get(), nullptr, hash_.c_str(), nullptr, nullptr,
                                    key.get(), nullptr) == 1;
  for (const std::string_view part : parts)
    good = good && EVP_DigestSignUpdate(context.get(), part.data(), part.size()) == 1;
  good = good && EVP_DigestSignFinal(context.get(), digest.data(), &size) == 1;
  if (!good) throw std::bad_alloc();  // the scheme is known, so nothing else is left
  return hexadecimal(std::span(digest).first(size));
}

bool Signer::verify(std::string_view signature, const Parts& parts) const {
  if (!signs()) return true;
  const std::string right = sign(parts);
  return right.size() == signature.size() &&
         CRYPTO_memcmp(right.data(), signature.data(), right.size()) == 0;
}

}  // namespace oast::jupyter
