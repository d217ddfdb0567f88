#include "target_kernel.hpp"

#include <chrono>
#include <exception>
#include <filesystem>
#include <system_error>

#include "command.hpp"
#include "exit_code.hpp"

namespace oast::cli {
namespace {

std::filesystem::path place(const std::string& directory_or_name) {
  if (directory_or_name.empty()) return runtime_root() / "default";
  if (directory_or_name.find('/') != std::string::npos) return directory_or_name;
  return runtime_root() / directory_or_name;
}

// "there is a", "there are a, b and c", "none is running": the living.
std::string names_of(const std::vector<KernelInfo>& kernels) {
  std::vector<std::string> names;
  for (const KernelInfo& kernel : kernels) {
    if (kernel.state != KernelState::dead) names.push_back(kernel.name);
  }
  if (names.empty()) return "none is running";
  std::string text = names.size() == 1 ? "there is " : "there are ";
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool last = i + 1 == names.size();
    text += (i == 0 ? "" : last ? " and " : ", ") + names[i];
  }
  return text;
}

// Nothing when no broker lives there.
std::optional<Broker> connect(const std::string& directory_or_name) {
  try {
    ConnectOptions options{.name = "oast", .session = session_choice().name};
    if (const auto timeout = session_choice().timeout)
      options.session_timeout = to_milliseconds(*timeout);
    return Broker::connect(directory_or_name, options);
  } catch (const Error& error) {
    if (error.kind() == FailureKind::not_found) return std::nullopt;
    if (error.kind() == FailureKind::invalid) throw UsageError(error.what());
    throw NoBroker("cannot talk to the broker in " + place(directory_or_name).string() + ": " +
                   error.what());
  }
}

}  // namespace

SessionChoice& session_choice() {
  static SessionChoice choice;
  return choice;
}

Broker connect_broker(const std::string& directory_or_name) {
  if (auto broker = connect(directory_or_name)) return *broker;
  const std::string where = place(directory_or_name).string();
  throw NoBroker("no broker in " + where + ": start one with `oast broker" +
                 (directory_or_name.empty() ? "`" : " --runtime-dir " + where + "`"));
}

Broker default_broker() {
  if (auto broker = connect({})) return *broker;
  return Broker::process_default();
}

KernelInfo find_kernel(const Broker& broker, const std::string& name_or_id) {
  try {
    KernelInfo kernel = broker.find(name_or_id);
    require_alive(kernel);
    return kernel;
  } catch (const Error& error) {
    if (error.kind() != FailureKind::not_found) throw;
  }
  throw Error(FailureKind::not_found, "no kernel `" + name_or_id + "`: " + names_of(broker.list()));
}

TargetKernel::TargetKernel(KernelChoice choice, OutputCallback late_output)
    : choice_(std::move(choice)), late_output_(std::move(late_output)) {
  // An embedded broker has no kernels to attach to.
  const bool daemon = !choice_.broker.empty() || !choice_.to.empty() || in_session();
  broker_ = daemon ? connect_broker(choice_.broker) : default_broker();
  open();
}

void TargetKernel::open() {
  if (!own()) {
    const KernelInfo kernel = find_kernel(*broker_, choice_.to);
    worker_ = broker_->attach(kernel.id, {.on_output = late_output_});
    return;
  }
  worker_ = broker_->start(choice_.spec, {.cwd = current_directory(), .on_output = late_output_});
}

std::string TargetKernel::language() const {
  const std::string spec = own() ? choice_.spec : broker_->find(worker_->id()).spec;
  for (const SpecInfo& info : broker_->specs()) {
    if (info.name == spec) return info.language;
  }
  return {};
}

void TargetKernel::restart() {
  close();
  open();
}

TargetKernel::~TargetKernel() { close(); }

/// A session would keep it.
void TargetKernel::close() noexcept {
  using std::chrono_literals::operator""ms;
  try {
    if (own() && worker_ && in_session() && worker_->isrunning())
      worker_->stop({.exit_timeout = 2000ms, .term_timeout = 500ms});
  } catch (const std::exception&) {
    // The broker is gone, say, and the kernel with it.
  }
  worker_.reset();
}

std::string current_directory() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::current_path(error);
  return error ? "/" : path.string();
}

}  // namespace oast::cli
