#include "output_scope.hpp"

#include <exception>
#include <utility>

#include "session.hpp"

namespace oast {

namespace detail {

namespace {

void end(Session& session, const RecordKey& output) noexcept try {
  session.end_output(output);
} catch (const std::exception&) {
  // No memory to say so: the next acknowledgement stands for this one, too.
}

}  // namespace

struct OutputScope::Hold {
  Hold(std::weak_ptr<Session> s, const RecordKey& o) : session(std::move(s)), output(o) {}
  ~Hold() {
    if (const auto alive = session.lock()) end(*alive, output);
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  const std::weak_ptr<Session> session;
  const RecordKey output;
};

thread_local OutputScope* OutputScope::innermost = nullptr;

OutputScope::OutputScope(Session& session, RecordKey output, std::size_t bytes) noexcept
    : session_(session), output_(output), outer_(std::exchange(innermost, this)) {
  try {
    session.begin_output(output_, bytes);
  } catch (const std::exception&) {
    output_.number = 0;  // no memory: it is not waited for
  }
}

OutputScope::~OutputScope() {
  innermost = outer_;
  if (!hold_) end(session_, output_);
}

OutputHold OutputScope::hold() {
  OutputScope* const scope = innermost;
  if (scope == nullptr || scope->output_.number == 0) return {};
  if (!scope->hold_)
    scope->hold_ = std::make_shared<Hold>(scope->session_.weak_from_this(), scope->output_);
  return scope->hold_;
}

}  // namespace detail

OutputHold hold_output() { return detail::OutputScope::hold(); }

}  // namespace oast
