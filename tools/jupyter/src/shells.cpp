#include "shells.hpp"

#include <algorithm>
#include <utility>

#include "message_writer.hpp"

namespace oast::jupyter {
namespace {

Json error(const char* name, const std::string& words) {
  return {{"status", "error"},
          {"ename", name},
          {"evalue", words},
          {"traceback", Json::array({name + (": " + words)})}};
}

Json no_subshell(const std::string& id) {
  return error("SubshellNotFound", "there is no subshell `" + id + "`");
}

}  // namespace

Shells::Shell::Shell(Shells& all, unsigned of_lane)
    : lane(of_lane),
      history(history_database(), all.kernel_.spec().language),
      cells(all.channels_, all.kernel_, history, all.comms_, of_lane) {}

Shells::Shells(Channels& channels, KernelClient& kernel, bool lanes)
    : channels_(channels), kernel_(kernel), lanes_(lanes), main_(*this, 0) {}

void Shells::add(const SharedExchange& exchange) {
  const std::string id = text_at(exchange->request().header, "subshell_id");
  if (id.empty()) return main_.cells.add(exchange);
  const auto found = subshells_.find(id);
  if (found != subshells_.end()) return found->second->cells.add(exchange);
  exchange->begin();
  if (exchange->request().type() == "execute_request") {
    exchange->publish("error", no_subshell(id));
    exchange->reply("execute_reply", no_subshell(id));
  }
  exchange->end();
}

template <class Visit>
void Shells::each(const Visit& visit) {
  visit(main_.cells);
  for (auto& [id, shell] : subshells_) visit(shell->cells);
  for (auto& shell : removed_) visit(shell->cells);
}

void Shells::input_reply(const Message& message) {
  bool taken = false;
  each([&](ExecutionQueue& cells) { taken = taken || cells.input_reply(message); });
}

void Shells::late_output(const Output& output, OutputHold hold) {
  main_.cells.late_output(output, std::move(hold));
}

void Shells::kernel_died(const std::function<void()>& done) {
  const auto running = std::make_shared<int>(1);
  const auto one_ended = [running, done] {
    if (--*running == 0) done();
  };
  each([&](ExecutionQueue& cells) {
    if (cells.idle()) return cells.kernel_died();
    ++*running;
    cells.on_idle([one_ended, told = false]() mutable {
      if (!std::exchange(told, true)) one_ended();
    });
    cells.kernel_died();
  });
  one_ended();
}

Json Shells::create() {
  if (!lanes_)
    return error("NotImplementedError",
                 "kernels of `" + kernel_.spec().name + "` run one cell at a time");
  std::erase_if(removed_, [](const auto& shell) { return shell->cells.idle(); });
  const std::string id = random_id();
  subshells_.emplace(id, std::make_unique<Shell>(*this, free_lane()));
  return {{"subshell_id", id}};
}

unsigned Shells::free_lane() const {
  const auto used = [this](unsigned lane) {
    const auto has = [lane](const auto& shell) { return shell->lane == lane; };
    return std::ranges::any_of(removed_, has) ||
           std::ranges::any_of(subshells_, [&](const auto& one) { return has(one.second); });
  };
  unsigned lane = 1;
  while (used(lane)) ++lane;
  return lane;
}

Json Shells::remove(const std::string& id) {
  channels_.receive_shell();  // what came before
  const auto found = subshells_.extract(id);
  if (found.empty()) return no_subshell(id);
  found.mapped()->cells.abort_waiting();
  kernel_.interrupt(found.mapped()->lane);
  removed_.push_back(std::move(found.mapped()));
  return Json::object();
}

Json Shells::list() const {
  Json ids = Json::array();
  for (const auto& [id, shell] : subshells_) ids.push_back(id);
  return {{"subshell_id", std::move(ids)}};
}

}  // namespace oast::jupyter
