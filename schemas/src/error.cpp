#include "oast/error.hpp"

#include <utility>

namespace oast {

namespace {

/// The sentence that `what` gives: never empty, and for a death with how the kernel died.
std::string text_of(const Failure& failure) {
  std::string text =
      failure.message.empty() ? std::string(to_string(failure.kind)) : failure.message;
  const std::string& why = failure.death.explanation;
  const bool explains = failure.kind == FailureKind::kernel_died && !why.empty();
  if (explains && text.find(why) == std::string::npos) text += ": " + why;
  return text;
}

}  // namespace

std::string_view to_string(FailureKind kind) {
  switch (kind) {
    case FailureKind::remote_exception:
      return "remote_exception";
    case FailureKind::interrupted:
      return "interrupted";
    case FailureKind::kernel_died:
      return "kernel_died";
    case FailureKind::timeout:
      return "timeout";
    case FailureKind::overloaded:
      return "overloaded";
    case FailureKind::disconnected:
      return "disconnected";
    case FailureKind::not_found:
      return "not_found";
    case FailureKind::permission_denied:
      return "permission_denied";
    case FailureKind::invalid:
      return "invalid";
    case FailureKind::unimplemented:
      return "unimplemented";
    case FailureKind::incompatible:
      return "incompatible";
  }
  return "unknown";
}

std::string_view to_string(DeathCause cause) {
  switch (cause) {
    case DeathCause::exited:
      return "exited";
    case DeathCause::signalled:
      return "signalled";
    case DeathCause::stopped:
      return "stopped";
    case DeathCause::owner_gone:
      return "owner_gone";
    case DeathCause::lost_heartbeat:
      return "lost_heartbeat";
    case DeathCause::never_registered:
      return "never_registered";
    case DeathCause::spawn_failed:
      return "spawn_failed";
    case DeathCause::memory_limit:
      return "memory_limit";
    case DeathCause::time_limit:
      return "time_limit";
    case DeathCause::protocol_error:
      return "protocol_error";
  }
  return "unknown";
}

Error::Error(Failure failure)
    : std::runtime_error(text_of(failure)), failure_(std::move(failure)) {}

Error::Error(FailureKind kind, const std::string& message)
    : Error(Failure{kind, message, {}, {}, {}}) {}

void raise(Failure failure) {
  switch (failure.kind) {
    case FailureKind::remote_exception:
      throw RemoteException(std::move(failure));
    case FailureKind::kernel_died:
      throw TerminatedWorkerException(std::move(failure));
    default:
      throw Error(std::move(failure));
  }
}

}  // namespace oast
