// The vectors by the Lua engine.
#include <algorithm>
#include <vector>

#include "../unit/lua_fixture.hpp"
#include "vector_file.hpp"

using namespace oast;
using namespace oast::testing;
using oast::test::Lua;

namespace {

const std::filesystem::path kDirectory = OAST_VECTORS_DIR;

/// Without what Lua does not tell apart: strings and bytes, and the order of a map.
Json as_in_lua(Json form) {
  if (form["kind"] == "string")
    return {{"kind", "bytes"}, {"hex", readable::to_hex(form["value"].get<std::string>())}};
  if (form["kind"] == "list")
    for (Json& item : form["items"]) item = as_in_lua(item);
  if (form["kind"] == "map") {
    std::vector<Json> pairs;
    for (const Json& pair : form["pairs"])
      pairs.push_back(Json::array({as_in_lua(pair[0]), as_in_lua(pair[1])}));
    std::ranges::sort(pairs, {}, [](const Json& pair) { return pair.dump(); });
    form["pairs"] = pairs;
  }
  return form;
}

/// What Lua calls a value of the kind.
std::string lua_type(const Json& form) {
  const std::string kind = form["kind"];
  if (kind == "bool") return "boolean";
  if (kind == "int64") return "integer";
  if (kind == "float64") return "float";
  if (kind == "bytes") return "string";
  if (kind == "list" || kind == "map") return "table";
  if (kind == "tensor" || kind == "error" || kind == "native") return "userdata";
  return kind;
}

}  // namespace

TEST_CASE("Lua reads every vector as its readable form says, and gives it back") {
  Lua lua;
  for (const std::string& name : vector_names(kDirectory)) {
    CAPTURE(name);
    auto packet = read_vector(kDirectory / (name + ".bin"));
    const Value value = read_result(packet);
    const Json meant = to_readable(from_readable(read_form(kDirectory / (name + ".json"))));
    CHECK(lua.eval("local v = ... return math.type(v) or type(v)", {value}) ==
          Value(lua_type(meant)));
    CHECK(as_in_lua(to_readable(sent(lua.eval("return ...", {value})))) == as_in_lua(meant));
  }
}
