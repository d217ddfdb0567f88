// What the opaque handles of oast.h are.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "oast.h"
#include "oast/c_value.hpp"
#include "oast/oast.hpp"

struct oast_broker {
  explicit oast_broker(oast::Broker b) : broker(std::move(b)), directory(broker.directory()) {}
  const oast::Broker broker;
  const std::string directory;
};

struct oast_worker {
  std::unique_ptr<oast::Evaluator> evaluator;
  oast::Worker* process = nullptr;  // the same, unless it is in this process
};

/// Its value or failure becomes C when asked for first.
struct oast_future {
  explicit oast_future(std::shared_ptr<oast::detail::Pending> p) : pending(std::move(p)) {}

  /// OAST_OK, or what it failed with, noted for oast_error. Precondition: ready.
  oast_status finish();

  const std::shared_ptr<oast::detail::Pending> pending;
  std::mutex mutex;  // guards the making of what follows, which then stays as it is
  bool finished = false;
  oast::CValues value;
  std::optional<oast::Failure> failure;
  std::optional<oast::CFailure> failure_view;
};

struct oast_hold {
  oast::OutputHold hold;
};

struct oast_channel {
  oast::RemoteChannel<> channel;
};

namespace oast::c {

/// Memory that the caller lends, or nullptr: then it is to be copied. Takes over the duty to call
/// `release`, also by throwing.
std::shared_ptr<const void> lender(oast_release release, void* context);

/// The callbacks as C++, which keep the caller's context.
struct Callbacks {
  explicit Callbacks(const oast_callbacks& callbacks);
  OutputCallback on_output;
  InputCallback on_input;
};

/// An output as C sees it, which refers to that.
class OutputView {
 public:
  explicit OutputView(const Output& output);
  const oast_output& get() const { return view_; }

 private:
  std::vector<oast_mime_part> parts_;
  oast_output view_{};
};

/// The end of a wait of that long from now; nothing: it has none.
std::optional<std::chrono::steady_clock::time_point> deadline_after(std::int64_t timeout_ms);

/// Waits until it is ready, at most that long (-1: for ever); says whether it is.
bool wait(detail::Pending& pending, std::int64_t timeout_ms);

/// Gives away a handle of a pending answer, if wanted.
void give(oast_future** future, const std::shared_ptr<detail::Pending>& pending);

}  // namespace oast::c
