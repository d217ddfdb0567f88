// The JSON type of Jupyter's messages.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace oast::jupyter {

using Json = nlohmann::json;

/// Parses one JSON text that nests at most kMostNested deep, so that whatever walks it by recursion
/// is safe. Throws Error(invalid).
Json parse_json(std::string_view text);
inline constexpr std::size_t kMostNested = 256;

/// As compact as it goes; bytes that are no UTF-8 become U+FFFD.
std::string dump_json(const Json& json);

/// The member `name` of an object if it is a string, else "".
std::string text_at(const Json& object, const char* name);
/// If it is a boolean, else `otherwise`.
bool flag_at(const Json& object, const char* name, bool otherwise);
/// If it is an integer that fits, else `otherwise`.
std::int64_t integer_at(const Json& object, const char* name, std::int64_t otherwise);

}  // namespace oast::jupyter
