// Tensors as Lua code sees them.
//
//   t.dtype, t.shape    "float64", {2, 3}
//   #t, t[k]            elements in row-major order, counted from 1; ipairs works
//   t:get(i, j, ...)    one element, one index for each dimension, each from 1
//   t:totable()         nested tables, one level for each dimension
//
// Complex elements are tables {re, im}. An unsigned element beyond the integers is a float.
#pragma once

#include <lua.hpp>

#include "oast/value.hpp"

namespace oast::kernel::lua {

std::int64_t element_count(const Tensor& tensor);

/// __index of tensors. Raises.
int tensor_index(lua_State* L);

}  // namespace oast::kernel::lua
