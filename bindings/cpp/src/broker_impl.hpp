// What a Broker handle stands for.
#pragma once

#include <memory>
#include <utility>

#include "link.hpp"
#include "oast/broker.hpp"

namespace oast {

/// Ends the link when the last handle goes.
struct Broker::Impl {
  explicit Impl(std::shared_ptr<detail::Link> l) : link(std::move(l)) {}
  ~Impl() { link->close(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// The last handle may go in a callback, on a thread that closing has to wait for: another thread
  /// closes then.
  static std::shared_ptr<Impl> make(std::shared_ptr<detail::Link> link);

  const std::shared_ptr<detail::Link> link;
};

}  // namespace oast
