#include "log_follower.hpp"

#include <poll.h>

#include <array>
#include <charconv>
#include <type_traits>
#include <variant>

#include "console.hpp"
#include "exit_code.hpp"
#include "exit_on_signal.hpp"
#include "explain.hpp"
#include "json_text.hpp"
#include "request_streams.hpp"
#include "target_kernel.hpp"
#include "value_text.hpp"

namespace oast::cli {

namespace {

std::string gap_text(const LogGap& gap) {
  const std::uint64_t count = gap.last - gap.first + 1;
  return "records " + std::to_string(gap.first) + " to " + std::to_string(gap.last) +
         " are gone: " + std::to_string(count) + " of them, " + std::to_string(gap.bytes) +
         " bytes";
}

void write_output(const Output& output) {
  Writer& writer = output.stream == Output::Stream::err ? err() : out();
  const bool text = output.stream != Output::Stream::display;
  const std::string gap = text || writer.at_line_start() ? "" : "\n";
  if (!writer.write(text ? output.text : gap + display_text(output))) throw ReaderGone{};
}

Json failure_json(const Failure& failure) {
  Json json{{"kind", "failure"},
            {"failure", to_string(failure.kind)},
            {"message", failure.message},
            {"type", failure.type},
            {"traceback", failure.traceback}};
  if (failure.kind == FailureKind::kernel_died) json["cause"] = to_json(failure.death);
  return json;
}

Json what_json(const LogRecord& record) {
  return std::visit(
      [](const auto& what) -> Json {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, Output>) {
          Json json{{"kind", "output"}};
          json.update(to_json(std::vector<Output>{what})[0]);
          return json;
        } else if constexpr (std::is_same_v<What, LogValue>) {
          return {{"kind", "value"}, {"value", to_json(what.get())}};
        } else if constexpr (std::is_same_v<What, Failure>) {
          return failure_json(what);
        } else if constexpr (std::is_same_v<What, LogInput>) {
          return {{"kind", "input"},
                  {"prompt", what.prompt},
                  {"password", what.password},
                  {"block_bytes", what.block_bytes}};
        } else if constexpr (std::is_same_v<What, LogGap>) {
          return {{"kind", "gap"}, {"last", what.last}, {"bytes", what.bytes}};
        } else {
          Json json{{"kind", "ended"}, {"cause", to_json(what.death)}};
          if (what.successor) json["successor"] = what.successor.value;
          return json;
        }
      },
      record.what);
}

}  // namespace

std::string request_label(const RequestKey& key) {
  return std::to_string(key.host.value) + ":" + std::to_string(key.id.value);
}

RequestKey read_request_label(const std::string& text) {
  RequestKey key;
  const char* const end = text.data() + text.size();
  const auto host = std::from_chars(text.data(), end, key.host.value);
  if (in_session() && host.ec == std::errc{} && host.ptr == end && key.host)
    return {PeerId{}, RequestId{key.host.value}};
  if (host.ec == std::errc{} && host.ptr != end && *host.ptr == ':') {
    const auto id = std::from_chars(host.ptr + 1, end, key.id.value);
    if (id.ec == std::errc{} && id.ptr == end && key.host && key.id) return key;
  }
  throw UsageError("`" + text +
                   "` is no request: HOST:NUMBER, such as 3:12, as `oast eval "
                   "--no-wait` prints it, would be right");
}

LogFollower::End LogFollower::follow(LogReader& reader, SignalReader& signals,
                                     const WakeEvent* stop) {
  const ExitOnSignal impatient(signals);  // also while nobody reads what is printed
  WakeEvent ready;
  end_ = {};
  for (;;) {
    ready.clear();
    reader.when_ready([&ready] { ready.set(); });
    std::array<pollfd, 3> fds{{{ready.fd(), POLLIN, 0},
                               {out().fd(), 0, 0},
                               {stop != nullptr ? stop->fd() : -1, POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), -1);
    if ((fds[1].revents & POLLERR) != 0) end_.reader_gone = true;
    if (end_.reader_gone || (stop != nullptr && stop->is_set())) break;
    if (!ready.is_set()) continue;
    const auto record = reader.next();
    if (!record) break;
    print(*record);
    if (options_.on_reply && (std::holds_alternative<LogValue>(record->what) ||
                              std::holds_alternative<Failure>(record->what)))
      options_.on_reply(record->request);
  }
  // `ready` goes: nothing may call it any more.
  reader.close();
  reader.when_ready([] {});
  return end_;
}

void LogFollower::print(const LogRecord& record) {
  if (std::holds_alternative<LogValue>(record.what)) {
    end_.replied = true;
    end_.failure.reset();
  } else if (const auto* failure = std::get_if<Failure>(&record.what)) {
    end_.replied = true;
    end_.failure = failure->kind;
  }
  if (options_.json) return print_json(record);
  if (const auto* output = std::get_if<Output>(&record.what)) {
    write_output(*output);
  } else if (const auto* gap = std::get_if<LogGap>(&record.what)) {
    complain(gap_text(*gap));
  } else if (const auto* ended = std::get_if<LogEnded>(&record.what)) {
    complain("the kernel ended: " + death_text(ended->death));
  } else if (const auto* failure = std::get_if<Failure>(&record.what)) {
    explain(*failure);
  } else if (const auto* value = std::get_if<LogValue>(&record.what); value && options_.values) {
    const Value shown = value->get();
    if (shown.is_nil()) return;
    const std::string gap_before = out().at_line_start() ? "" : "\n";
    out().print(gap_before + value_text(shown, options_.language, window_size(out().fd()).columns) +
                "\n");
  }
}

void LogFollower::print_json(const LogRecord& record) {
  Json json{{"number", record.number}};
  json["request"] = record.request.id ? Json(request_label(record.request)) : Json(nullptr);
  json.update(what_json(record));
  out().print(dump(json) + "\n");
}

int exit_code(const LogFollower::End& end) {
  if (end.reader_gone) return kReaderGone;
  return end.failure ? exit_code(*end.failure) : kDone;
}

}  // namespace oast::cli
