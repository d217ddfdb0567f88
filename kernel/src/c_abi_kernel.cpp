// The life of a kernel, for C.
#include <unistd.h>

#include <atomic>
#include <memory>
#include <utility>

#include "c_abi.hpp"

namespace oast::kernel {

namespace {

std::atomic<bool> connected = false;

KernelProcess::Options options_from_c(const oast_kernel_options& options) {
  KernelProcess::Options result;
  result.interrupt_signal = options.interrupt_signal;
  if (options.on_interrupt != nullptr)
    result.on_interrupt = [call = options.on_interrupt, context = options.context] {
      call(context);
    };
  result.separate_queries = options.separate_queries != 0;
  result.separate_lanes = options.separate_lanes != 0;
  return result;
}

}  // namespace

}  // namespace oast::kernel

extern "C" {

oast_status oast_kernel_connect(const oast_kernel_options* options, oast_kernel** kernel) {
  using namespace oast::kernel;  // NOLINT(google-build-using-namespace)
  return guarded([&] {
    if (kernel == nullptr) return failed(OAST_INVALID, "where shall the kernel go? It is NULL");
    const oast_kernel_options given = oast::read_options(options);
    if (connected.exchange(true)) return failed(OAST_INVALID, "a process is one kernel, once");
    LaunchDetails details = read_launch_details(STDIN_FILENO);
    oast::Fd launcher = take_stdin();
    auto made = std::make_unique<oast_kernel>(options_from_c(given), std::move(details));
    made->process.connect(made->details, std::move(launcher));
    *kernel = made.release();  // the caller's
    return OAST_OK;
  });
}

void oast_kernel_close(oast_kernel* kernel) {
  while (kernel != nullptr && kernel->process.leaving()) ::pause();
  delete kernel;  // NOLINT(cppcoreguidelines-owning-memory): given back
}

void oast_kernel_exit(oast_kernel* kernel, int code) {
  if (kernel == nullptr) ::_exit(code);
  kernel->process.leave(code);
}

uint64_t oast_kernel_id(const oast_kernel* kernel) { return kernel->details.kernel; }
const char* oast_kernel_name(const oast_kernel* kernel) { return kernel->details.name.c_str(); }
const char* oast_kernel_spec(const oast_kernel* kernel) { return kernel->details.spec.c_str(); }
const char* oast_kernel_broker_directory(const oast_kernel* kernel) {
  return kernel->details.directory.c_str();
}
const char* oast_kernel_host_token(const oast_kernel* kernel) {
  return kernel->details.host_token.c_str();
}

}  // extern "C"
