#include "replay.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <zmq.hpp>

#include "command.hpp"
#include "command_line.hpp"
#include "connection_file.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "message_reader.hpp"
#include "message_writer.hpp"
#include "notebook.hpp"
#include "oast/error.hpp"

namespace oast::jupyter {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// A bridge answers at once, unless its machine has much else to do.
constexpr auto kPatience = 10s;

struct ReplayOptions {
  std::string connection;
  std::uint64_t cell = 0;  // its number; 0: all
  std::string out;
};

constexpr const char* kReplayExamples =
    "  oast jupyter list                                    the connection files there are\n"
    "  oast jupyter replay kernel-1234.json                 what all cells have shown\n"
    "  oast jupyter replay kernel-1234.json --cell 7\n"
    "  oast jupyter replay kernel-1234.json --out all.ipynb\n";

/// Asks the bridge behind a connection file, on its control channel.
class ControlClient {
 public:
  explicit ControlClient(const ConnectionFile& file)
      : writer_(Signer(file.key, file.signature_scheme)),
        reader_(Signer(file.key, file.signature_scheme)) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.connect(file.endpoint(file.control_port));
  }

  /// Nothing when no reply of that type comes in time. Blocks.
  std::optional<Json> ask(const char* type, const char* reply_type) {
    Message request;
    request.header = writer_.header(type);
    Frames frames = writer_.write(request);
    if (!send(socket_, frames)) return std::nullopt;
    const auto until = Clock::now() + kPatience;
    while (Clock::now() < until) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
      zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, left);
      auto received = receive(socket_);
      if (!received) continue;
      auto message = reader_.read(std::move(*received));
      if (message && message->type() == reply_type &&
          text_at(message->parent_header, "msg_id") == request.id())
        return std::move(message->content);
    }
    return std::nullopt;
  }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_{context_, zmq::socket_type::dealer};
  MessageWriter writer_;
  MessageReader reader_;
};

/// Without the escape sequences by which a traceback has colours (CSI: ECMA-48, 5.4).
std::string without_colours(const std::string& text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text.compare(at, 2, "\x1b[") != 0) {
      plain += text[at];
      continue;
    }
    for (at += 2; at < text.size() && (text[at] < '@' || text[at] > '~');) ++at;
  }
  return plain;
}

Json notebook_from(const std::string& connection) {
  const ConnectionFile file = read_connection_file(connection);
  auto answer = ControlClient(file).ask("oast_replay_request", "oast_replay_reply");
  if (!answer)
    throw Error(FailureKind::timeout, "nobody answers at " + file.endpoint(file.control_port) +
                                          ": the kernel has ended, or is none of oast's; `oast "
                                          "jupyter list` shows those that run");
  if (text_at(*answer, "status") != "ok")
    throw Error(FailureKind::invalid, "the bridge cannot tell: " + text_at(*answer, "evalue"));
  return std::move((*answer)["notebook"]);
}

int tell(const ReplayOptions& options) {
  Notebook notebook(notebook_from(options.connection), options.connection);
  if (options.cell != 0 && !notebook.keep_only(static_cast<std::int64_t>(options.cell)))
    throw cli::UsageError("no cell has the number " + std::to_string(options.cell) +
                          "; there are " + notebook.counts());
  if (options.out.empty())
    cli::out().print(cli::out().colours() ? notebook.text() : without_colours(notebook.text()));
  else
    notebook.save(options.out);
  return cli::kDone;
}

}  // namespace

int replay(int argc, char** argv) {
  ReplayOptions options;
  CLI::App app("Tell again what the cells of a running kernel have shown", "oast jupyter replay");
  app.footer(std::string("Examples:\n") + kReplayExamples);
  cli::not_empty(app.add_option("CONNECTION_FILE", options.connection, "That of the kernel"))
      ->required()
      ->type_name("");
  cli::add_number_option(app, "--cell", options.cell, "Only the cell with this number")
      ->type_name("N");
  cli::not_empty(
      app.add_option("--out", options.out, "Write a notebook with the cells and outputs"))
      ->type_name("FILE");
  return run_command(app, argc, argv, [&] { return tell(options); });
}

}  // namespace oast::jupyter
