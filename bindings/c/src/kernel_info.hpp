// What brokers know of kernels and specs, as C.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "oast.h"
#include "oast/broker.hpp"
#include "oast/c_value.hpp"

namespace oast::c {

/// A death as C.
class DeathView {
 public:
  explicit DeathView(Death death)
      : failure_{FailureKind::kernel_died, {}, {}, {}, std::move(death)}, view_(failure_) {}
  const oast_death* get() const { return view_.get()->death; }

 private:
  const Failure failure_;
  const CFailure view_;
};

/// Kernels as C, one after the other.
class KernelViews {
 public:
  explicit KernelViews(std::vector<KernelInfo> kernels);
  KernelViews(const KernelViews&) = delete;
  KernelViews& operator=(const KernelViews&) = delete;

  const std::vector<oast_kernel_info>& get() const { return views_; }

 private:
  const std::vector<KernelInfo> kernels_;
  std::deque<DeathView> deaths_;  // a deque moves none
  std::vector<oast_kernel_info> views_;
};

/// Specs as C, one after the other.
class SpecViews {
 public:
  explicit SpecViews(std::vector<SpecInfo> specs);
  SpecViews(const SpecViews&) = delete;
  SpecViews& operator=(const SpecViews&) = delete;

  const std::vector<oast_spec_info>& get() const { return views_; }

 private:
  const std::vector<const char*>& keep(const std::vector<std::string>& texts);

  const std::vector<SpecInfo> specs_;
  std::deque<std::vector<const char*>> texts_;  // a deque moves none
  std::vector<oast_spec_info> views_;
};

/// Keeps what a function hands out until it is called again on the same thread: one `Kept` a
/// function and thread.
template <class T>
class Kept {
 public:
  template <class... Args>
  const T& keep(Args&&... args) {
    return kept_.emplace(std::forward<Args>(args)...);
  }

 private:
  std::optional<T> kept_;
};

}  // namespace oast::c
