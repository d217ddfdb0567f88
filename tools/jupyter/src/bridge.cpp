#include "bridge.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "code_queries.hpp"
#include "failure_content.hpp"
#include "kernel_info.hpp"
#include "unique_fd.hpp"

namespace oast::jupyter {
namespace {

constexpr int kKernelDied = 3;

Json entry_json(const HistoryStore::Entry& entry, bool with_output) {
  if (!with_output) return Json::array({entry.session, entry.line, entry.input});
  const Json output = entry.output.empty() ? Json() : Json(entry.output);
  return Json::array({entry.session, entry.line, Json::array({entry.input, output})});
}

}  // namespace

int Bridge::run(const KernelOptions& options, int parent, cli::SignalReader& signals) {
  loop_.watch(signals.fd(), [this, &signals] {
    while (const auto signal = signals.take()) {
      if (*signal == SIGINT) kernel_->interrupt([] {});
      if (cli::is_ending(*signal)) end(0);
    }
  });
  cli::UniqueFd parent_fd;
  if (parent > 0) {
    parent_fd = cli::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, parent, 0)));
    if (parent_fd)
      loop_.watch(parent_fd.get(), [this] { end(0); });
    else
      return 0;  // it has gone already
  }
  kernel_ = std::make_unique<KernelClient>(loop_);
  kernel_->on_late_output([this](const Output& output, OutputHold hold) {
    if (shells_) shells_->late_output(output, std::move(hold));
  });
  kernel_->on_death([this](const Failure& failure) { kernel_died(failure); });
  channels_.publish(Json::object(), "status", {{"execution_state", "starting"}});
  kernel_->start(options);
  be_listed(options);
  const auto has = [this](const char* feature) {
    return std::ranges::count(kernel_->spec().features, feature) > 0;
  };
  comms_ = has("comms");
  shells_ = std::make_unique<Shells>(channels_, *kernel_, has("lanes"));
  channels_.on_message(
      [this](Channel channel, Message message) { handle(channel, std::move(message)); });
  channels_.on_input_reply([this](const Message& message) { shells_->input_reply(message); });
  loop_.run();
  kernel_.reset();
  channels_.close();
  return exit_code_;
}

void Bridge::handle(Channel channel, Message message) {
  const std::string type = message.type();
  const auto exchange = std::make_shared<Exchange>(channels_, channel, std::move(message));
  if (type == "execute_request" || (comms_ && Comms::is_comm(type))) return shells_->add(exchange);
  if (type == "interrupt_request") return interrupt(exchange);
  if (type == "shutdown_request") return shut_down(exchange);
  if (type == "oast_replay_request") return replay(exchange);
  if (handle_query(type, exchange)) return;
  if (channel == Channel::control && manage_subshells(type, exchange)) return;
  answer_at_once(type, exchange);
}

bool Bridge::handle_query(const std::string& type, const SharedExchange& exchange) {
  if (type == "complete_request")
    complete(*kernel_, exchange);
  else if (type == "inspect_request")
    inspect(*kernel_, exchange);
  else if (type == "is_complete_request")
    is_complete(*kernel_, exchange);
  else
    return false;
  return true;
}

bool Bridge::manage_subshells(const std::string& type, const SharedExchange& exchange) {
  Json content;
  if (type == "create_subshell_request")
    content = shells_->create();
  else if (type == "delete_subshell_request")
    content = shells_->remove(text_at(exchange->content(), "subshell_id"));
  else if (type == "list_subshell_request")
    content = shells_->list();
  else
    return false;
  exchange->begin();
  exchange->reply(type.substr(0, type.rfind('_')) + "_reply", std::move(content));
  exchange->end();
  return true;
}

void Bridge::answer_at_once(const std::string& type, const SharedExchange& exchange) {
  exchange->begin();
  if (type == "kernel_info_request")
    exchange->reply("kernel_info_reply", kernel_info(kernel_->spec(), kernel_->version()));
  else if (type == "history_request")
    history(exchange);
  else if (type == "comm_info_request")
    exchange->reply("comm_info_reply", shells_->comm_info(exchange->content()));
  else if (type == "comm_open")
    open_comm(exchange);
  else if (type != "comm_msg" && type != "comm_close")
    std::fprintf(stderr, "oast-jupyter: a message of unknown type was ignored: %.100s\n",
                 type.c_str());
  exchange->end();
}

void Bridge::history(const SharedExchange& exchange) {
  const Json& content = exchange->content();
  const std::string access = text_at(content, "hist_access_type");
  const auto n = integer_at(content, "n", -1);  // SQLite takes it for no limit
  std::vector<HistoryStore::Entry> entries;
  if (access == "tail")
    entries = shells_->history().tail(n);
  else if (access == "range")
    entries =
        shells_->history().range(integer_at(content, "session", 0), integer_at(content, "start", 0),
                                 integer_at(content, "stop", -1));
  else if (access == "search")
    entries = shells_->history().search(text_at(content, "pattern"), n,
                                        flag_at(content, "unique", false));
  Json list = Json::array();
  for (const auto& entry : entries)
    list.push_back(entry_json(entry, flag_at(content, "output", false)));
  exchange->reply("history_reply", {{"history", std::move(list)}});
}

/// The kernel knows no targets: the protocol asks that the other side be told at once.
void Bridge::open_comm(const SharedExchange& exchange) {
  exchange->publish("comm_close", {{"comm_id", text_at(exchange->content(), "comm_id")},
                                   {"data", Json::object()}});
}

void Bridge::interrupt(const SharedExchange& exchange) {
  exchange->begin();
  kernel_->interrupt([exchange] {
    exchange->reply("interrupt_reply", Json::object());
    exchange->end();
  });
}

/// A message of our own: `oast jupyter replay`.
void Bridge::replay(const SharedExchange& exchange) {
  kernel_->transcript([exchange](const KernelClient::Result<Json>& result) {
    if (const auto* failure = std::get_if<Failure>(&result)) {
      Json content = error_content(*failure);
      content["status"] = "error";
      return exchange->reply("oast_replay_reply", std::move(content));
    }
    exchange->reply("oast_replay_reply", {{"notebook", std::get<Json>(result)}});
  });
}

void Bridge::shut_down(const SharedExchange& exchange) {
  exchange->begin();
  const Json content{{"status", "ok"}, {"restart", flag_at(exchange->content(), "restart", false)}};
  exchange->publish("shutdown_reply", content);
  exchange->reply("shutdown_reply", content);
  exchange->end();
  end(0);
}

/// The cell that ran shows how; then the frontend sees this process end and asks for another.
void Bridge::kernel_died(const Failure& failure) {
  std::fprintf(stderr, "oast-jupyter: the kernel died: %s\n", failure.message.c_str());
  shells_->kernel_died([this] { end(kKernelDied); });
}

/// A bridge that cannot be listed serves all the same.
void Bridge::be_listed(const KernelOptions& options) {
  std::error_code error;
  const char* notebook = std::getenv("JPY_SESSION_NAME");  // of newer servers
  try {
    registration_.emplace();
    registration_->tell({{"pid", ::getpid()},
                         {"kernel", kernel_->name()},
                         {"spec", kernel_->spec().name},
                         {"broker", options.broker},
                         {"notebook", notebook == nullptr ? "" : notebook},
                         {"folder", std::filesystem::current_path(error).string()},
                         {"connection_file", options.connection_file}});
  } catch (const std::exception& problem) {
    registration_.reset();
    std::fprintf(stderr, "oast-jupyter: `oast jupyter list` will not show this: %s\n",
                 problem.what());
  }
}

void Bridge::end(int exit_code) {
  exit_code_ = exit_code;
  loop_.end();
}

}  // namespace oast::jupyter
