#include "json.hpp"

#include "oast/error.hpp"

namespace oast::jupyter {

Json parse_json(std::string_view text) {
  const auto shallow = [](int depth, Json::parse_event_t, const Json&) {
    if (static_cast<std::size_t>(depth) > kMostNested)
      throw Error(FailureKind::invalid,
                  "JSON should nest at most " + std::to_string(kMostNested) + " deep");
    return true;
  };
  try {
    return Json::parse(text, shallow);
  } catch (const Json::exception& error) {
    throw Error(FailureKind::invalid, error.what());
  }
}

std::string dump_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

namespace {

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

std::string text_at(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag_at(const Json& object, const char* name, bool otherwise) {
  const Json* found = member(object, name);
  return found != nullptr && found->is_boolean() ? found->get<bool>() : otherwise;
}

std::int64_t integer_at(const Json& object, const char* name, std::int64_t otherwise) {
  const Json* found = member(object, name);
  if (found == nullptr || !found->is_number_integer()) return otherwise;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > INT64_MAX) return otherwise;
  return found->get<std::int64_t>();
}

}  // namespace oast::jupyter
