// Requests and the engine.
#pragma once

#include "intake.hpp"
#include "oast/codec.hpp"
#include "oast/kernel/engine.hpp"

namespace oast::kernel {

/// Has the engine do what a request asks for, and makes that, or what was thrown instead, the
/// terminal reply. On the engine's thread.
class EngineAdapter {
 public:
  explicit EngineAdapter(Engine& engine) : engine_(engine) {}

  /// Throws nothing: whatever the engine throws is the reply.
  wire::Packet answer(Request& request);

 private:
  wire::Packet run(RequestId id, wire::Packet& packet);
  wire::Packet eval(RequestId id, const wire::Eval& eval, std::vector<Value> args);
  wire::Packet call(RequestId id, const wire::Call& call, std::vector<Value> args);
  wire::Packet complete(RequestId id, const wire::Complete& complete);
  wire::Packet inspect(RequestId id, const wire::Inspect& inspect);
  wire::Packet is_complete(RequestId id, const wire::IsComplete& is_complete);

  Engine& engine_;
  wire::Writer writer_;
};

}  // namespace oast::kernel
