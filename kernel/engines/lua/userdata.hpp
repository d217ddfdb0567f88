// Values that Lua has no type for: tensors, errors and native values are userdata that hold the
// Value, so they go out again as they came, their data shared and not copied.
#pragma once

#include <lua.hpp>
#include <string>

#include "oast/value.hpp"

namespace oast::kernel::lua {

/// Makes their metatables. In protect.
void open_userdata(lua_State* L);

/// Pushes the tensor, failure or native value. May raise and throw.
void push_userdata(lua_State* L, const Value& value);

/// The value of such a userdata, else nullptr. Raises nothing.
const Value* userdata_value(lua_State* L, int index);

/// The error that the value is, else nullptr.
const Failure* failure_in(const Value& value);

/// "tensor float64 [2, 3]", the message of an error, "native pickle5 (120 bytes)"
std::string userdata_text(const Value& value);

}  // namespace oast::kernel::lua
