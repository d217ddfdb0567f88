// Lua to Value. Only functions of Lua that cannot raise are called here, see guard.hpp.
#include <algorithm>
#include <array>
#include <new>
#include <numeric>

#include "context.hpp"
#include "describe.hpp"
#include "oast/utf8.hpp"
#include "userdata.hpp"
#include "values.hpp"

namespace oast::kernel::lua {

namespace {

/// Where in the value we are: a chain of frames from the innermost table to the outermost.
struct Place {
  const Place* outer = nullptr;
  const void* table = nullptr;  ///< null at the root
  int key = 0;          ///< stack index of the key below it; at the root, the result's number
  bool of_key = false;  ///< the key itself is being read, not what it holds
};

void write_place(lua_State* L, const Place* place, std::string& text) {
  if (place->table == nullptr) {
    text += place->key == 0 ? "value" : "value[" + std::to_string(place->key) + "]";
    return;
  }
  write_place(L, place->outer, text);
  text += path_step(L, place->key);
}

std::string name_of(lua_State* L, const Place* place) {
  std::string text;
  if (place->of_key) {
    text = "a key of ";
    place = place->outer;
  }
  write_place(L, place, text);
  return text;
}

[[noreturn]] void refuse(lua_State* L, const Place* place, const std::string& why) {
  throw RemoteException(Failure{.kind = FailureKind::remote_exception,
                                .message = "cannot send " + to_utf8(name_of(L, place)) + ": " + why,
                                .type = "runtime error"});
}

/// Converts one value; what it needs on the way down.
class Reader {
 public:
  explicit Reader(lua_State* L) : state_(L), context_(context_of(L)) {}

  Value value(int index, const Place* place, int depth);

 private:
  Value table(int index, const Place* place, int depth);
  Value userdata(int index, const Place* place);
  void entry(Value::List& list, Value::Map& map, bool& sequence, const Place& here, int depth);
  bool is_marked_map(int index);
  void check_table(int index, const Place* place, int depth);

  lua_State* state_;
  Context& context_;
  unsigned entries_ = 0;
};

Value string_value(lua_State* L, int index) {
  std::size_t size = 0;
  const char* data = lua_tolstring(L, index, &size);
  const std::string_view text(data, size);
  if (is_utf8(text)) return {text};
  return {Buffer::copy_of(text)};
}

// For the order of maps: numbers, strings and bytes, booleans, others.

int rank(const Value& key) {
  static constexpr std::array kRanks = {3, 2, 0, 0, 1, 1, 3, 3, 3, 3, 3, 3};
  static_assert(kRanks.size() == std::variant_size_v<Value::Variant>);
  return kRanks[key.variant().index()];
}

/// Exact for both: 64 bits of mantissa on x86-64.
long double number_of(const Value& key) {
  const auto* integer = std::get_if<std::int64_t>(&key.variant());
  return integer != nullptr ? static_cast<long double>(*integer) : std::get<double>(key.variant());
}

std::string_view text_of(const Value& key) {
  const auto* text = std::get_if<std::string>(&key.variant());
  return text != nullptr ? std::string_view(*text) : std::get<Buffer>(key.variant()).view();
}

bool comes_before(const Value& a, const Value& b) {
  const int rank_a = rank(a);
  const int rank_b = rank(b);
  if (rank_a != rank_b) return rank_a < rank_b;
  switch (rank_a) {
    case 0:
      return number_of(a) < number_of(b);
    case 1:
      return text_of(a) < text_of(b);
    case 2:
      return !std::get<bool>(a.variant()) && std::get<bool>(b.variant());
    default:
      return false;
  }
}

/// The sorted map's keys are 1 to n.
bool is_sequence(const Value::Map& map) {
  std::int64_t wanted = 0;
  return std::all_of(map.begin(), map.end(), [&](const auto& entry) {
    const auto* key = std::get_if<std::int64_t>(&entry.first.variant());
    return key != nullptr && *key == ++wanted;
  });
}

/// In order. Entries are large to move, so places are sorted.
Value::Map sorted(Value::Map map) {
  std::vector<std::uint32_t> places(map.size());
  std::iota(places.begin(), places.end(), 0u);
  std::stable_sort(places.begin(), places.end(), [&](std::uint32_t a, std::uint32_t b) {
    return comes_before(map[a].first, map[b].first);
  });
  Value::Map result;
  result.reserve(map.size());
  for (const std::uint32_t place : places) result.push_back(std::move(map[place]));
  return result;
}

Value finish(Value::List list, Value::Map map, bool sequence, bool marked) {
  if (sequence) return {std::move(list)};
  map = sorted(std::move(map));
  if (marked || !is_sequence(map)) return {std::move(map)};
  for (auto& [key, item] : map) list.push_back(std::move(item));
  return {std::move(list)};
}

Value Reader::value(int index, const Place* place, int depth) {
  switch (lua_type(state_, index)) {
    case LUA_TNIL:
      return {};
    case LUA_TBOOLEAN:
      return {lua_toboolean(state_, index) != 0};
    case LUA_TNUMBER:
      if (lua_isinteger(state_, index) != 0) {
        return {static_cast<std::int64_t>(lua_tointegerx(state_, index, nullptr))};
      }
      return {lua_tonumberx(state_, index, nullptr)};
    case LUA_TSTRING:
      return string_value(state_, index);
    case LUA_TTABLE:
      return table(index, place, depth);
    case LUA_TUSERDATA:
      return userdata(index, place);
    default:
      refuse(state_, place, kind_of(state_, index));
  }
}

Value Reader::userdata(int index, const Place* place) {
  if (lua_touserdata(state_, index) == context_.known.null) return {};
  const Value* held = userdata_value(state_, index);
  if (held == nullptr) refuse(state_, place, kind_of(state_, index));
  return *held;
}

bool Reader::is_marked_map(int index) {
  if (lua_getmetatable(state_, index) == 0) return false;
  const bool marked = lua_topointer(state_, -1) == context_.known.map;
  lua_pop(state_, 1);
  return marked;
}

void Reader::check_table(int index, const Place* place, int depth) {
  const void* self = lua_topointer(state_, index);
  for (const Place* p = place; p != nullptr; p = p->outer) {
    if (p->table == self) refuse(state_, place, "a table that contains itself");
  }
  if (depth > kMaxDepth) {
    refuse(state_, place, "nested deeper than " + std::to_string(kMaxDepth) + " tables");
  }
  // The metatable, or a key, a value and a copy of the key.
  if (lua_checkstack(state_, 4) == 0) throw std::bad_alloc{};
}

Value Reader::table(int index, const Place* place, int depth) {
  index = lua_absindex(state_, index);
  check_table(index, place, depth);
  const bool marked = is_marked_map(index);
  bool sequence = !marked;
  Value::List list;
  Value::Map map;
  if (sequence) list.reserve(lua_rawlen(state_, index));
  lua_pushnil(state_);
  const Place here{place, lua_topointer(state_, index), lua_gettop(state_), false};
  while (lua_next(state_, index) != 0) {
    entry(list, map, sequence, here, depth);
    lua_pop(state_, 1);
  }
  return finish(std::move(list), std::move(map), sequence, marked);
}

/// Takes the key and the value on top of the stack. Tables that Lua keeps as arrays come in order
/// and need no keys; the first key out of order makes it a map, at least for now.
void Reader::entry(Value::List& list, Value::Map& map, bool& sequence, const Place& here,
                   int depth) {
  if ((++entries_ & 0xFFFu) == 0 && context_.interrupter.interrupted()) throw Interrupted{};
  const int top = lua_gettop(state_);
  if (sequence) {
    const auto next = static_cast<lua_Integer>(list.size()) + 1;
    if (lua_isinteger(state_, here.key) != 0 && lua_tointegerx(state_, here.key, nullptr) == next) {
      list.push_back(value(top, &here, depth + 1));
      return;
    }
    sequence = false;
    std::int64_t number = 0;
    for (Value& item : list) map.emplace_back(++number, std::move(item));
    list.clear();
  }
  const Place key{here.outer, here.table, here.key, true};
  Value key_value = value(here.key, &key, depth + 1);
  map.emplace_back(std::move(key_value), value(top, &here, depth + 1));
}

}  // namespace

Value to_value(lua_State* L, int index) {
  const Place root;
  return Reader(L).value(index, &root, 1);
}

Value to_result(lua_State* L, int first) {
  const int top = lua_gettop(L);
  if (top < first) return {};
  if (top == first) {
    const void* userdata = lua_touserdata(L, first);
    const Known& known = context_of(L).known;
    const bool is_stream = userdata != nullptr && (userdata == known.out || userdata == known.err);
    return is_stream ? Value() : to_value(L, first);
  }
  Reader reader(L);
  Value::List list;
  list.reserve(static_cast<std::size_t>(top - first + 1));
  for (int i = first; i <= top; ++i) {
    const Place root{.key = i - first + 1};
    list.push_back(reader.value(i, &root, 2));
  }
  return {std::move(list)};
}

}  // namespace oast::kernel::lua
