#include <cstdint>

#include "api_boundary.hpp"
#include "handles.hpp"
#include "kernel_info.hpp"
#include "options.hpp"

using oast::Error;
using oast::FailureKind;
using oast::c::Callbacks;
using oast::c::guarded;
using oast::c::Kept;
using oast::c::need;

namespace {

/// The callbacks of options that cannot be read are not known, nor then released.
Callbacks callbacks_of(const oast_callbacks* callbacks) {
  return Callbacks(callbacks == nullptr ? oast_callbacks{} : *callbacks);
}

void give(oast_worker*& room, oast::Worker worker) {
  auto process = std::make_unique<oast::Worker>(std::move(worker));
  auto made = std::make_unique<oast_worker>();
  made->process = process.get();
  made->evaluator = std::move(process);
  room = made.release();
}

oast::Worker& in_process_of_its_own(oast_worker* worker) {
  oast::Worker* process = need(worker, "the worker").process;
  if (process == nullptr)
    throw Error(FailureKind::invalid, "this worker runs in the host and has no kernel");
  return *process;
}

oast::StartOptions start_options(const oast_start_options& given) {
  oast::StartOptions made;
  made.name = oast::c::text_or_empty(given.name);
  made.env = oast::c::variables(given.env, given.env_count);
  made.cwd = oast::c::text_or_empty(given.cwd);
  made.exename = oast::c::text_or_empty(given.exename);
  made.exeflags = oast::c::strings(given.exeflags, given.exeflags_count);
  made.detach = given.detach != 0;
  made.timeout = std::chrono::milliseconds(given.timeout_ms);
  if (given.broker != nullptr) made.broker = given.broker->broker;
  return made;
}

}  // namespace

extern "C" {

oast_status oast_worker_start(const char* spec, const oast_start_options* options,
                              oast_worker** worker) {
  return guarded([&] {
    const auto given = oast::read_options(options);
    Callbacks callbacks(given.callbacks);
    oast_worker*& room = need(worker, "the room for the worker");
    oast::StartOptions made = start_options(given);
    made.on_output = std::move(callbacks.on_output);
    made.on_input = std::move(callbacks.on_input);
    give(room, oast::Worker(spec == nullptr ? "lua" : spec, std::move(made)));
  });
}

oast_status oast_worker_attach(oast_broker* broker, const char* name_or_id,
                               const oast_callbacks* callbacks, oast_worker** worker) {
  return guarded([&] {
    Callbacks made = callbacks_of(callbacks);
    oast_worker*& room = need(worker, "the room for the worker");
    const char* const name = &need(name_or_id, "the name");
    give(room, need(broker, "the broker")
                   .broker.attach(name, {.on_output = std::move(made.on_output),
                                         .on_input = std::move(made.on_input)}));
  });
}

oast_status oast_worker_in_process(const oast_callbacks* callbacks, oast_worker** worker) {
  return guarded([&] {
    Callbacks made = callbacks_of(callbacks);
    oast_worker*& room = need(worker, "the room for the worker");
    auto handle = std::make_unique<oast_worker>();
    handle->evaluator = std::make_unique<oast::InProcessWorker>(oast::InProcessOptions{
        .on_output = std::move(made.on_output), .on_input = std::move(made.on_input)});
    room = handle.release();
  });
}

void oast_worker_free(oast_worker* worker) {
  delete worker;  // NOLINT(cppcoreguidelines-owning-memory): what the C side owned
}

oast_status oast_worker_release(oast_worker* worker) {
  return guarded([&] { in_process_of_its_own(worker).release(); });
}

uint64_t oast_worker_id(const oast_worker* worker) {
  return worker == nullptr || worker->process == nullptr ? 0 : worker->process->id().value;
}

const char* oast_worker_name(const oast_worker* worker) {
  return worker == nullptr || worker->process == nullptr ? "" : worker->process->name().c_str();
}

oast_status oast_worker_info(oast_worker* worker, const oast_kernel_info** kernel) {
  thread_local Kept<oast::c::KernelViews> kept;
  return guarded([&] {
    auto info = in_process_of_its_own(worker).info();
    need(kernel, "the room for the kernel") = kept.keep(std::vector{std::move(info)}).get().data();
  });
}

oast_status oast_worker_death(oast_worker* worker, const oast_death** death) {
  thread_local Kept<oast::c::DeathView> kept;
  return guarded([&] {
    const auto known = in_process_of_its_own(worker).death();
    need(death, "the room for the death") = known ? kept.keep(*known).get() : nullptr;
  });
}

int oast_isrunning(oast_worker* worker) {
  int result = 0;
  static_cast<void>(
      guarded([&] { result = need(worker, "the worker").evaluator->isrunning() ? 1 : 0; }));
  return result;
}

oast_status oast_interrupt(oast_worker* worker, const oast_interrupt_options* options,
                           uint32_t* outcome) {
  return guarded([&] {
    const auto result =
        need(worker, "the worker").evaluator->interrupt(oast::c::interrupt_options(options));
    if (outcome != nullptr) *outcome = static_cast<std::uint32_t>(result);
  });
}

oast_status oast_stop(oast_worker* worker, const oast_stop_options* options) {
  return guarded(
      [&] { need(worker, "the worker").evaluator->stop(oast::c::stop_options(options)); });
}

oast_status oast_kill(oast_worker* worker) {
  return guarded([&] {
    if (need(worker, "the worker").process != nullptr) {
      worker->process->kill();
    } else {
      worker->evaluator->stop();
    }
  });
}
}
