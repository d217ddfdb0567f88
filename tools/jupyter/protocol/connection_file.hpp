// The file by which a Jupyter server tells a kernel where to listen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "json.hpp"

namespace oast::jupyter {

/// What it says. Source: "Connection files" in jupyter_client's documentation.
struct ConnectionFile {
  std::string transport;  ///< "tcp" or "ipc"
  std::string ip;         ///< of ipc: a path, to which `-` and the port are added
  std::uint16_t shell_port = 0;
  std::uint16_t iopub_port = 0;
  std::uint16_t stdin_port = 0;
  std::uint16_t control_port = 0;
  std::uint16_t hb_port = 0;
  std::string key;
  std::string signature_scheme = "hmac-sha256";
  std::string kernel_name;

  /// "tcp://127.0.0.1:50160"
  std::string endpoint(std::uint16_t port) const;
};

/// Throws Error(not_found) when it cannot be read and Error(invalid) naming the member that is not
/// as it should be.
ConnectionFile read_connection_file(const std::filesystem::path& path);
ConnectionFile parse_connection(const Json& json);

}  // namespace oast::jupyter
