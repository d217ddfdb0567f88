// One open request to a broker or a kernel.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <optional>

#include "kernel_handle.hpp"
#include "oast/codec.hpp"
#include "oast/future.hpp"
#include "oast/ids.hpp"

namespace oast::detail {

class Session;

/// A request from the moment that its id is taken until its terminal reply. The session's table and
/// the futures share it; it keeps the session's memory, not its connection, alive.
class Request : public Pending {
 public:
  struct Callbacks {
    OutputCallback on_output;
    InputCallback on_input;
  };

  /// `kernel`: whom it asks; nullptr: the broker itself.
  Request(std::shared_ptr<Session> session, RequestId id, std::shared_ptr<KernelHandle> kernel);
  ~Request() override;

  RequestId id() const { return id_; }
  const std::shared_ptr<KernelHandle>& kernel() const { return kernel_; }

  /// Before it is sent. Null: the Worker's own callbacks.
  void set_callbacks(std::shared_ptr<const Callbacks> callbacks) {
    callbacks_ = std::move(callbacks);
  }
  /// Somebody depends on its replies without waiting for them.
  void expect_promptly();

  RequestKey key() const noexcept override;
  bool wait(std::optional<Clock::time_point> deadline) override;
  void cancel() override;
  void mute() override;

  /// The terminal reply, from `from`. Called once, by whoever took it out of the session's table.
  void answer(wire::Packet&& packet, PeerId from) noexcept;
  /// The same, when it ends here.
  void abort(Failure failure) noexcept;

  void output(const Output& output);
  InputCallback on_input() const;
  /// See Pending::spoil. The session's table serialises it with the end.
  void spoil_with(std::exception_ptr thrown) noexcept { spoil(std::move(thrown)); }

  /// The reply when it is neither Result nor Failure. Precondition: ready(). Throws as value(), and
  /// Error(incompatible) when it is no Table.
  template <class Table>
  const Table& reply() const {
    static_cast<void>(value());
    if (const Table* table = find_reply<Table>()) return *table;
    throw Error(FailureKind::incompatible, "the answer was of an unexpected kind");
  }
  /// The same, but nullptr instead of all that.
  template <class Table>
  const Table* find_reply() const noexcept {
    return reply_ ? reply_->root().template body_as<Table>() : nullptr;
  }

 private:
  enum class Haste : unsigned char { none, counted, over };

  void awaited() override {
    if (kernel_) expect_promptly();  // what the broker answers comes on control, promptly anyway
  }
  void end_haste() noexcept;

  const std::shared_ptr<Session> session_;
  const RequestId id_;
  const std::shared_ptr<KernelHandle> kernel_;
  std::shared_ptr<const Callbacks> callbacks_;  // changed only between outputs of the kernel
  std::atomic<Haste> haste_{Haste::none};
  std::optional<wire::Packet> reply_;
};

}  // namespace oast::detail
