#include "oast/kernel/lua.hpp"
#include "oast/kernel/runtime.hpp"

int main() { return oast::kernel::run_kernel(oast::kernel::make_lua_engine); }
