// JSON that a person wrote.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "oast/error.hpp"

namespace oast::broker {

/// One JSON object, taken apart key by key; what is left over is a mistake.
class JsonObject {
 public:
  JsonObject(std::string where, const nlohmann::json& value)
      : where_(std::move(where)), rest_(value) {
    if (!value.is_object()) fail("should be an object");
  }

  template <class T>
  void take(const char* key, T& into) {
    const auto found = rest_.find(key);
    if (found == rest_.end()) return;
    try {
      into = found->get<T>();
    } catch (const nlohmann::json::exception&) {
      fail(std::string("'") + key + "' has the wrong type: " + found->dump());
    }
    rest_.erase(found);
  }

  void take_count(const char* key, std::size_t& into) {
    std::int64_t value = static_cast<std::int64_t>(into);
    take(key, value);
    if (value <= 0) fail(std::string("'") + key + "' should be positive");
    into = static_cast<std::size_t>(value);
  }

  void take_milliseconds(const char* key, std::chrono::milliseconds& into) {
    std::int64_t value = into.count();
    take(key, value);
    constexpr std::int64_t kDay = 86'400'000;
    if (value < 0 || value > kDay)
      fail(std::string("'") + key + "' should be 0 to " + std::to_string(kDay));
    into = std::chrono::milliseconds(value);
  }

  void finish() const {
    if (!rest_.empty()) fail("there is no setting '" + rest_.begin().key() + "'");
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw Error(FailureKind::invalid, where_ + ": " + why);
  }

 private:
  std::string where_;
  nlohmann::json rest_;
};

}  // namespace oast::broker
