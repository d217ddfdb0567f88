// The log of a kernel on our standard streams.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "oast/broker.hpp"
#include "oast/log.hpp"
#include "signal_reader.hpp"
#include "wake_event.hpp"

namespace oast::cli {

/// "3:12": request 12 of host 3, as `oast eval --no-wait` prints it.
std::string request_label(const RequestKey& key);
/// Throws UsageError when the text is no such label. In a session "12" is one, too, of our own
/// host.
RequestKey read_request_label(const std::string& text);

/// Prints records as they come: output as it was written, displays and values as text, and on
/// standard error what else there is to say.
class LogFollower {
 public:
  struct Options {
    bool json = false;                                     ///< one JSON object a record
    bool values = false;                                   ///< the values of replies, too
    std::string language;                                  ///< in which they are shown
    std::function<void(const RequestKey&)> on_reply = {};  ///< one was printed
  };

  explicit LogFollower(Options options) : options_(std::move(options)) {}

  /// How following ended.
  struct End {
    bool reader_gone = false;            ///< nobody reads our output
    std::optional<FailureKind> failure;  ///< of the last reply
    bool replied = false;                ///< there was a reply
  };
  /// Prints until the log ends or `stop` is set; a signal that asks to end ends the program,
  /// however slow the reader of what is printed is. Blocks. Throws what LogReader::next and
  /// Writer::write throw.
  End follow(LogReader& reader, SignalReader& signals, const WakeEvent* stop = nullptr);

 private:
  void print(const LogRecord& record);
  void print_json(const LogRecord& record);

  const Options options_;
  End end_;
};

/// The exit code of a command that followed a log.
int exit_code(const LogFollower::End& end);

}  // namespace oast::cli
