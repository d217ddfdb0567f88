#include "oast/broker/broker.hpp"

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "accept_filter.hpp"
#include "block_signals.hpp"
#include "data_dir.hpp"
#include "descriptors.hpp"
#include "event_loop.hpp"
#include "id_source.hpp"
#include "logger.hpp"
#include "oast/dial.hpp"
#include "router.hpp"
#include "runtime_dir.hpp"
#include "secrets.hpp"

namespace oast::broker {

namespace {

std::string inproc_prefix() {
  static std::atomic<unsigned> count{0};
  return "inproc://oast-" + std::to_string(++count) + "-";
}

/// Before anything of libzmq is made, which aborts the process when it lacks a descriptor.
bool prepare() {
  raise_descriptor_limit();
  require_descriptors(kPerBroker, "make a broker");
  return AcceptFilter::install();
}

}  // namespace

struct Broker::Impl {
  explicit Impl(Options o)
      : options(std::move(o)),
        stderr_logger(options.log_level),
        inproc(options.inproc ? inproc_prefix() : ""),
        loop(options.clock),
        router(loop, options, context, directory, token, inproc, ids, stderr_logger.logger()),
        thread([this] {
          block_signals();
          loop.run();
        }) {
    if (ids.jumped())
      stderr_logger.logger()->warn("OB516 {} was unreadable: ids go on far beyond all earlier ones",
                                   (data ? data.id_file() : directory.id_file()).string());
    if (!filters)
      stderr_logger.logger()->warn(
          "OB515 libzmq's accept could not be filtered: out of descriptors it would abort");
  }

  ~Impl() {
    loop.quit();
    thread.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::string endpoint(const std::string& name) const {
    return inproc.empty() ? directory.endpoint(name) : inproc + name;
  }

  // In the order that they need each other; the context goes after the sockets on it.
  const Options options;
  StderrLogger stderr_logger;
  const bool filters = prepare();
  const std::string token = make_token();
  const std::string inproc;
  zmq::context_t context = wire::make_context();
  RuntimeDir directory{options.directory, token};
  DataDir data{options.data_dir};
  IdSource ids{data ? data.id_file() : directory.id_file()};
  EventLoop loop;
  Router router;
  std::mutex stop_mutex;
  bool stopped = false;
  std::thread thread;
};

Broker::Broker(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Broker::~Broker() { stop(); }

void Broker::stop(std::chrono::milliseconds exit_timeout, std::chrono::milliseconds term_timeout) {
  const std::lock_guard lock(impl_->stop_mutex);
  if (std::exchange(impl_->stopped, true)) return;
  std::promise<void> done;
  impl_->loop.post([&] {
    impl_->router.supervisor().stop_all({exit_timeout, term_timeout}, [&, told = false]() mutable {
      if (std::exchange(told, true)) return;
      impl_->router.finish_deaths();
      done.set_value();
    });
  });
  done.get_future().wait();
}

int Broker::poll(std::span<pollfd> fds, int milliseconds) {
  return impl_->loop.poll(fds, milliseconds);
}

void Broker::attend() { impl_->loop.attend(); }

const std::filesystem::path& Broker::directory() const { return impl_->directory.path(); }
const std::string& Broker::token() const { return impl_->token; }
std::string Broker::control_endpoint() const { return impl_->endpoint("control"); }
std::string Broker::data_endpoint() const { return impl_->endpoint("data"); }
std::string Broker::events_endpoint() const { return impl_->endpoint("events"); }
zmq::context_t& Broker::context() { return impl_->context; }

}  // namespace oast::broker
