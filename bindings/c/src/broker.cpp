#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>

#include "api_boundary.hpp"
#include "handles.hpp"
#include "kernel_info.hpp"
#include "options.hpp"

using oast::KernelId;
using oast::c::guarded;
using oast::c::Kept;
using oast::c::need;

struct oast_watch {
  oast::Subscription subscription;
};

namespace {

void give(oast_broker*& room, oast::Broker broker) {
  room = std::make_unique<oast_broker>(std::move(broker)).release();
}

oast::EmbeddedOptions::Spec to_spec(const oast_spec& spec) {
  using oast::c::text_or_empty;
  oast::EmbeddedOptions::Spec result{.name = text_or_empty(spec.name),
                                     .language = text_or_empty(spec.language),
                                     .display_name = text_or_empty(spec.display_name),
                                     .argv = oast::c::strings(spec.argv, spec.argv_count),
                                     .env = oast::c::variables(spec.env, spec.env_count)};
  if (spec.cwd != nullptr) result.cwd = spec.cwd;
  return result;
}

void give(const oast_death** room, Kept<oast::c::DeathView>& kept, oast::Death death) {
  const auto& view = kept.keep(std::move(death));
  if (room != nullptr) *room = view.get();
}

}  // namespace

extern "C" {

oast_status oast_broker_embedded(const oast_embedded_options* options, oast_broker** broker) {
  return guarded([&] {
    oast_broker*& room = need(broker, "the room for the broker");
    const auto given = oast::read_options(options);
    oast::EmbeddedOptions made;
    for (std::size_t i = 0; i < given.specs_count; ++i)
      made.specs.push_back(to_spec((&need(given.specs, "the array of specs"))[i]));
    made.heartbeat = oast::c::milliseconds_or(given.heartbeat_ms, 1000);
    if (given.heartbeat_misses != 0) made.heartbeat_misses = given.heartbeat_misses;
    made.start_timeout = oast::c::milliseconds_or(given.start_timeout_ms, 30000);
    give(room, oast::Broker::embedded(made));
  });
}

oast_status oast_broker_default(oast_broker** broker) {
  return guarded(
      [&] { give(need(broker, "the room for the broker"), oast::Broker::process_default()); });
}

oast_status oast_broker_connect(const char* directory_or_name, const oast_connect_options* options,
                                oast_broker** broker) {
  return guarded([&] {
    oast_broker*& room = need(broker, "the room for the broker");
    const auto given = oast::read_options(options);
    oast::ConnectOptions made;
    made.name = oast::c::text_or_empty(given.name);
    made.token = oast::c::text_or_empty(given.token);
    made.timeout = oast::c::milliseconds_or(given.timeout_ms, 5000);
    made.session = oast::c::text_or_empty(given.session);
    if (given.session_timeout_ms != 0)
      made.session_timeout = std::chrono::milliseconds(std::min<std::uint64_t>(
          given.session_timeout_ms, std::numeric_limits<std::int64_t>::max()));
    give(room, oast::Broker::connect(oast::c::text_or_empty(directory_or_name), made));
  });
}

void oast_broker_free(oast_broker* broker) {
  delete broker;  // NOLINT(cppcoreguidelines-owning-memory): what the C side owned
}

const char* oast_broker_directory(const oast_broker* broker) {
  return broker == nullptr ? "" : broker->directory.c_str();
}

int oast_broker_connected(const oast_broker* broker) {
  return broker != nullptr && broker->broker.connected() ? 1 : 0;
}

int oast_broker_resumed(const oast_broker* broker) {
  return broker != nullptr && broker->broker.resumed() ? 1 : 0;
}

void oast_broker_end_session(oast_broker* broker) {
  if (broker != nullptr) broker->broker.end_session();
}

uint64_t oast_broker_self(const oast_broker* broker) {
  return broker == nullptr ? 0 : broker->broker.self().value;
}

oast_status oast_broker_list(oast_broker* broker, const oast_kernel_info** kernels, size_t* count) {
  thread_local Kept<oast::c::KernelViews> kept;
  return guarded([&] {
    const auto& views = kept.keep(need(broker, "the broker").broker.list()).get();
    need(kernels, "the room for kernels") = views.data();
    need(count, "the room for the count") = views.size();
  });
}

oast_status oast_broker_find(oast_broker* broker, const char* name_or_id,
                             const oast_kernel_info** kernel) {
  thread_local Kept<oast::c::KernelViews> kept;
  return guarded([&] {
    auto found = need(broker, "the broker").broker.find(&need(name_or_id, "the name"));
    need(kernel, "the room for the kernel") = kept.keep(std::vector{std::move(found)}).get().data();
  });
}

oast_status oast_broker_specs(oast_broker* broker, const oast_spec_info** specs, size_t* count) {
  thread_local Kept<oast::c::SpecViews> kept;
  return guarded([&] {
    const auto& views = kept.keep(need(broker, "the broker").broker.specs()).get();
    need(specs, "the room for specs") = views.data();
    need(count, "the room for the count") = views.size();
  });
}

oast_status oast_broker_interrupt(oast_broker* broker, uint64_t kernel, uint64_t request,
                                  uint64_t host, const oast_interrupt_options* options,
                                  uint32_t* outcome) {
  return guarded([&] {
    const auto result =
        need(broker, "the broker")
            .broker.interrupt(KernelId{kernel}, oast::RequestId{request},
                              oast::c::interrupt_options(options), oast::PeerId{host});
    if (outcome != nullptr) *outcome = static_cast<std::uint32_t>(result);
  });
}

oast_status oast_broker_stop(oast_broker* broker, uint64_t kernel, const oast_stop_options* options,
                             const oast_death** death) {
  thread_local Kept<oast::c::DeathView> kept;
  return guarded([&] {
    give(death, kept,
         need(broker, "the broker").broker.stop(KernelId{kernel}, oast::c::stop_options(options)));
  });
}

oast_status oast_broker_kill(oast_broker* broker, uint64_t kernel, const oast_death** death) {
  thread_local Kept<oast::c::DeathView> kept;
  return guarded(
      [&] { give(death, kept, need(broker, "the broker").broker.kill(KernelId{kernel})); });
}

oast_status oast_broker_signal(oast_broker* broker, uint64_t kernel, int signal) {
  return guarded([&] { need(broker, "the broker").broker.signal(KernelId{kernel}, signal); });
}

oast_status oast_broker_watch(oast_broker* broker, oast_on_event on_event, void* context,
                              oast_watch** watch) {
  return guarded([&] {
    oast_watch*& room = need(watch, "the room for the watch");
    if (on_event == nullptr)
      throw oast::Error(oast::FailureKind::invalid, "there is nothing to call");
    const auto callback = [=](const oast::KernelEvent& event) {
      const oast::c::KernelViews views({event.info});
      on_event(context, static_cast<std::uint32_t>(event.change), views.get().data());
    };
    auto made = std::make_unique<oast_watch>();
    made->subscription = need(broker, "the broker").broker.watch(callback);
    room = made.release();
  });
}

void oast_watch_free(oast_watch* watch) {
  delete watch;  // NOLINT(cppcoreguidelines-owning-memory): what the C side owned
}
}
