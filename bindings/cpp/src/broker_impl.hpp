// What a Broker handle stands for.
#pragma once

#include <memory>
#include <utility>

#include "oast/broker.hpp"
#include "session.hpp"

namespace oast {

/// Ends the session when the last handle goes.
struct Broker::Impl {
  explicit Impl(std::shared_ptr<detail::Session> s) : session(std::move(s)) {}
  ~Impl() { session->close(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// The last handle may go in a callback, on a thread that closing has to wait for: another thread
  /// closes then.
  static std::shared_ptr<Impl> make(std::shared_ptr<detail::Session> session);

  const std::shared_ptr<detail::Session> session;
};

}  // namespace oast
