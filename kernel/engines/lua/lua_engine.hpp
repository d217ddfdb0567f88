// The Lua 5.4 engine.
#pragma once

#include <lua.hpp>
#include <memory>

#include "chunks.hpp"
#include "context.hpp"
#include "oast/kernel/engine.hpp"

namespace oast::kernel::lua {

/// One Lua state. Between requests its stack holds the message handler and nothing else.
class LuaEngine final : public Engine {
 public:
  explicit LuaEngine(Services& services);
  ~LuaEngine() override;
  LuaEngine(const LuaEngine&) = delete;
  LuaEngine& operator=(const LuaEngine&) = delete;

  Value eval(const EvalRequest& request) override;
  Value call(const CallRequest& request) override;
  Completions complete(std::string_view code, std::uint32_t cursor) override;
  std::optional<std::string> inspect(std::string_view code, std::uint32_t cursor,
                                     int detail) override;
  Completeness is_complete(std::string_view code) override;
  void interrupt() noexcept override { context_.interrupter.interrupt(); }

 private:
  struct Closer {
    void operator()(lua_State* L) const { lua_close(L); }
  };

  void load(std::string_view code, std::string_view chunk);
  int resolve(std::string_view path);
  void load_function(std::string_view source);
  void push_arguments(const std::vector<Value>& values);
  template <class Request>
  Value run(const Request& request, int arguments);

  // In this order: closing the state runs finalizers, which may print.
  Context context_;
  Chunks chunks_;
  std::unique_ptr<lua_State, Closer> state_;
};

}  // namespace oast::kernel::lua
