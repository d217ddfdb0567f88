#include "connection_file.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "oast/error.hpp"

namespace oast::jupyter {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error(FailureKind::invalid, what); }

std::string text(const Json& json, const char* name, const char* otherwise) {
  const auto found = json.find(name);
  if (found == json.end()) return otherwise;
  if (!found->is_string()) refuse(std::string("`") + name + "` should be a string");
  return found->get<std::string>();
}

std::uint16_t port(const Json& json, const char* name) {
  const auto value = integer_at(json, name, -1);
  if (value < 1 || value > UINT16_MAX)
    refuse(std::string("`") + name + "` should be a port from 1 to 65535");
  return static_cast<std::uint16_t>(value);
}

}  // namespace

std::string ConnectionFile::endpoint(std::uint16_t port) const {
  const char* separator = transport == "ipc" ? "-" : ":";
  return transport + "://" + ip + separator + std::to_string(port);
}

ConnectionFile parse_connection(const Json& json) {
  if (!json.is_object()) refuse("it should be a JSON object");
  ConnectionFile result;
  result.transport = text(json, "transport", "tcp");
  if (result.transport != "tcp" && result.transport != "ipc")
    refuse("`transport` should be tcp or ipc, not `" + result.transport + "`");
  result.ip = text(json, "ip", "127.0.0.1");
  if (result.ip.empty()) refuse("`ip` should not be empty");
  result.shell_port = port(json, "shell_port");
  result.iopub_port = port(json, "iopub_port");
  result.stdin_port = port(json, "stdin_port");
  result.control_port = port(json, "control_port");
  result.hb_port = port(json, "hb_port");
  result.key = text(json, "key", "");
  result.signature_scheme = text(json, "signature_scheme", "hmac-sha256");
  result.kernel_name = text(json, "kernel_name", "");
  return result;
}

ConnectionFile read_connection_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file)
    throw Error(FailureKind::not_found,
                "the connection file " + path.string() +
                    " cannot be read: " + std::generic_category().message(errno));
  try {
    return parse_connection(parse_json(text));
  } catch (const Error& error) {
    refuse("the connection file " + path.string() + ": " + error.what());
  }
}

}  // namespace oast::jupyter
