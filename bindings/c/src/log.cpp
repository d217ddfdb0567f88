// Reading logs.
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "api_boundary.hpp"
#include "handles.hpp"
#include "kernel_info.hpp"

using oast::KernelId;
using oast::PeerId;
using oast::RequestId;
using oast::c::guarded;
using oast::c::need;

/// A reader, and the record that its user looks at.
struct oast_log {
  explicit oast_log(oast::LogReader r) : reader(std::move(r)) {}

  /// nullptr at the end.
  const oast_record* next(std::int64_t timeout_ms);

  /// Throws Error(invalid) when the record that `next` gave has none.
  oast::Value value() const;

  oast::LogReader reader;

 private:
  void show(const oast::Output& output) { view_.output = &output_.emplace(output).get(); }
  void show(const oast::LogValue& /*value*/) {}
  void show(const oast::Failure& failure) { view_.failure = failure_.emplace(failure).get(); }
  void show(const oast::LogInput& input) {
    view_.prompt = oast::to_c(input.prompt);
    view_.password = input.password ? 1 : 0;
    view_.input_bytes = input.block_bytes;
  }
  void show(const oast::LogGap& gap) {
    view_.gap_last = gap.last;
    view_.gap_bytes = gap.bytes;
  }
  void show(const oast::LogEnded& ended) {
    view_.death = death_.emplace(ended.death).get();
    view_.successor = ended.successor.value;
  }

  std::optional<oast::LogRecord> record_;
  oast_record view_{};
  std::optional<oast::c::OutputView> output_;
  std::optional<oast::CFailure> failure_;
  std::optional<oast::c::DeathView> death_;
};

const oast_record* oast_log::next(std::int64_t timeout_ms) {
  output_.reset();
  failure_.reset();
  death_.reset();
  record_.reset();
  record_ = reader.next_until(oast::c::deadline_after(timeout_ms));
  if (!record_) return nullptr;
  view_ = {.number = record_->number,
           .host = record_->request.host.value,
           .request = record_->request.id.value,
           .kind = static_cast<std::uint32_t>(record_->what.index())};
  std::visit([this](const auto& what) { show(what); }, record_->what);
  return &view_;
}

oast::Value oast_log::value() const {
  const auto* what = record_ ? std::get_if<oast::LogValue>(&record_->what) : nullptr;
  if (what == nullptr) throw oast::Error(oast::FailureKind::invalid, "this record has no value");
  return what->get();
}

namespace {

/// An answer that was there before anybody asked.
class Ready : public oast::detail::Pending {
 public:
  explicit Ready(oast::Value value) { succeed(std::move(value)); }
  bool wait(std::optional<Clock::time_point> /*deadline*/) override { return true; }
  void cancel() override {}
};

using What = decltype(oast::LogRecord::what);
static_assert(std::is_same_v<std::variant_alternative_t<OAST_RECORD_ENDED, What>, oast::LogEnded>,
              "oast_record_kind numbers the kinds as C++ does");

oast::LogOptions log_options(const oast_log_options* options) {
  const auto given = oast::read_options(options);
  return {.from = given.from == 0 ? 1 : given.from,
          .host = PeerId{given.host},
          .request = RequestId{given.request},
          .follow = given.follow != 0};
}

void give(oast_log*& room, oast::LogReader reader) {
  room = std::make_unique<oast_log>(std::move(reader)).release();
}

}  // namespace

extern "C" {

oast_status oast_log_open(oast_broker* broker, uint64_t kernel, const oast_log_options* options,
                          oast_log** log) {
  return guarded([&] {
    oast_log*& room = need(log, "the room for the log");
    give(room, need(broker, "the broker").broker.read_log(KernelId{kernel}, log_options(options)));
  });
}

oast_status oast_worker_log(oast_worker* worker, const oast_log_options* options, oast_log** log) {
  return guarded([&] {
    oast_log*& room = need(log, "the room for the log");
    const oast::Worker* process = need(worker, "the worker").process;
    if (process == nullptr)
      throw oast::Error(oast::FailureKind::invalid, "this worker runs in the host and has no log");
    give(room, process->read_log(log_options(options)));
  });
}

oast_status oast_log_next(oast_log* log, int64_t timeout_ms, const oast_record** record) {
  return guarded([&] {
    const oast_record*& room = need(record, "the room for the record");
    room = need(log, "the log").next(timeout_ms);
  });
}

oast_status oast_log_value(oast_log* log, oast_future** future, oast_value* value) {
  return guarded([&] {
    oast_future*& room = need(future, "the future, which keeps the value,");
    auto made =
        std::make_unique<oast_future>(std::make_shared<Ready>(need(log, "the log").value()));
    made->finish();
    if (value != nullptr) *value = made->value.get();
    room = made.release();
  });
}

oast_status oast_log_then(oast_log* log, void (*on_ready)(void* context), void* context) {
  return guarded([&] {
    if (on_ready == nullptr)
      throw oast::Error(oast::FailureKind::invalid, "there is nothing to call");
    need(log, "the log").reader.when_ready([=] { on_ready(context); });
  });
}

uint64_t oast_log_position(const oast_log* log) {
  return log == nullptr ? 0 : log->reader.position();
}

void oast_log_stop(oast_log* log) {
  if (log != nullptr) log->reader.close();
}

void oast_log_close(oast_log* log) {
  delete log;  // NOLINT(cppcoreguidelines-owning-memory): what the C side owned
}
}
