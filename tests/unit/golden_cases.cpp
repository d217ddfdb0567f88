#include "golden_cases.hpp"

#include <limits>
#include <memory>
#include <utility>

#include "messages.hpp"

namespace oast::testing {

namespace {

/// A message in its object form. Two objects are equal when they pack to the same bytes.
template <class Object>
Golden object(std::string name, std::uint64_t id, Object body) {
  const auto shared = std::make_shared<const Object>(std::move(body));
  const auto matches = [=](wire::Packet& packet) {
    const auto* table = packet.root().template body_as<typename Object::TableType>();
    if (packet.root().id() != id || table == nullptr) return false;
    Object unpacked;
    table->UnPackTo(&unpacked);
    return pack(RequestId{id}, unpacked).message == pack(RequestId{id}, *shared).message;
  };
  return {std::move(name), [=] { return pack(RequestId{id}, *shared); }, matches};
}

template <class Object>
std::unique_ptr<Object> boxed(Object object) {
  return std::make_unique<Object>(std::move(object));
}

wire::DeathT golden_death() {
  wire::DeathT death;
  death.cause = wire::DeathCause::signalled;
  death.signal = 9;
  death.signal_name = "SIGKILL";
  death.explanation = "it was ended by SIGKILL, which nobody asked the broker for";
  death.stderr_tail = "last\nwords \u2014 \u00e9\n";
  return death;
}

wire::FailureT golden_failure() {
  wire::FailureT failure;
  failure.kind = wire::FailureKind::kernel_died;
  failure.message = "the kernel lua-7 died";
  failure.type = "E";
  failure.traceback = {"outer", "", "inner: \u00e9"};
  failure.death = boxed(golden_death());
  return failure;
}

wire::KernelInfoT golden_kernel() {
  wire::KernelInfoT info;
  info.id = std::numeric_limits<std::uint64_t>::max();
  info.name = "lua-7";
  info.spec = "lua";
  info.state = wire::KernelState::dead;
  info.pid = 4194304;
  info.owner = 3;
  info.detached = true;
  info.request = 12;
  info.request_ms = 34;
  info.queued = 56;
  info.rss_bytes = std::uint64_t{1} << 40;
  info.cpu_seconds = 0.1;
  info.heartbeat_ms = -1;
  info.age_ms = 78;
  info.death = boxed(golden_death());
  return info;
}

/// The integer `i` and the text `text`, as arguments.
std::vector<std::unique_ptr<wire::ValueT>> golden_arguments(std::int64_t i,
                                                            const std::string& text) {
  std::vector<std::unique_ptr<wire::ValueT>> arguments(2);
  arguments[0] = std::make_unique<wire::ValueT>();
  arguments[0]->kind = wire::ValueKind::int64;
  arguments[0]->integer = i;
  arguments[1] = std::make_unique<wire::ValueT>();
  arguments[1]->kind = wire::ValueKind::string;
  arguments[1]->text = text;
  return arguments;
}

std::vector<Golden> golden_handshake() {
  std::vector<Golden> cases;
  wire::HelloT hello;
  hello.role = wire::Role::monitor;
  hello.token = "0123456789abcdef";
  hello.version_min = 1;
  hello.version_max = 65535;
  hello.features = {"one", "two"};
  hello.name = "notebook \u00e9";
  hello.pid = 4321;
  cases.push_back(object("hello", 1, hello));
  hello.session = "notebook";
  hello.session_secret = "0123456789abcdef";
  hello.session_timeout_ms = 86'400'000;
  hello.received = 5;
  hello.received_data = 6;
  cases.push_back(object("hello-in-a-session", 1, hello));
  wire::WelcomeT welcome;
  welcome.version = 1;
  welcome.features = {"one"};
  welcome.peer = std::uint64_t{1} << 63;
  welcome.ticket = {0, 255, 1};
  welcome.heartbeat_ms = 1000;
  welcome.heartbeat_misses = 5;
  cases.push_back(object("welcome", 1, welcome));
  welcome.resumed = true;
  welcome.received = 3;
  welcome.received_data = 4;
  welcome.last_request = 12;
  cases.push_back(object("welcome-back", 1, welcome));
  wire::JoinT join;
  join.peer = 7;
  join.ticket = {0, 255, 1};
  cases.push_back(object("join", 2, join));
  cases.push_back(object("joined", 2, wire::JoinedT{}));
  wire::PingT ping;
  ping.sent_ns = std::numeric_limits<std::uint64_t>::max();
  cases.push_back(object("ping", 0, ping));
  wire::PongT pong;
  pong.sent_ns = 1;
  pong.usage = std::make_unique<wire::UsageT>();
  pong.usage->request = 1;
  pong.usage->host = 2;
  pong.usage->request_ms = 3;
  pong.usage->queued = 4;
  pong.usage->rss_bytes = 5;
  pong.usage->cpu_seconds = 6.5;
  cases.push_back(object("pong", 0, pong));
  cases.push_back(object("pong-of-a-host", 0, wire::PongT{}));
  cases.push_back(object("goodbye", 0, wire::GoodbyeT{}));
  wire::GoodbyeT for_good;
  for_good.end_session = true;
  cases.push_back(object("goodbye-for-good", 0, for_good));
  return cases;
}

std::vector<Golden> golden_kernels() {
  std::vector<Golden> cases;
  wire::StartT start;
  start.spec = "lua";
  start.name = "mine";
  start.env.push_back(std::make_unique<wire::EnvVarT>());
  start.env[0]->name = "PATH";
  start.env[0]->value = "/bin:/usr/bin";
  start.cwd = "/tmp";
  start.detached = true;
  start.timeout_ms = 30000;
  cases.push_back(object("start", 3, start));
  wire::KernelT kernel;
  kernel.info = boxed(golden_kernel());
  cases.push_back(object("kernel", 3, kernel));
  wire::AttachT attach;
  attach.name = "mine";
  cases.push_back(object("attach", 4, attach));
  wire::StopT stop;
  stop.kernel = 5;
  stop.term_timeout_ms = 0;
  cases.push_back(object("stop", 5, stop));
  wire::StoppedT stopped;
  stopped.death = boxed(golden_death());
  cases.push_back(object("stopped", 5, stopped));
  wire::SignalT signal;
  signal.kernel = 5;
  signal.signal = 15;
  cases.push_back(object("signal", 6, signal));
  cases.push_back(object("ok", 6, wire::OkT{}));
  cases.push_back(object("shutdown", 0, wire::ShutdownT{}));
  cases.push_back(object("list", 7, wire::ListT{}));
  wire::ListingT listing;
  listing.kernels.push_back(boxed(golden_kernel()));
  listing.kernels.push_back(std::make_unique<wire::KernelInfoT>());
  cases.push_back(object("listing", 7, listing));
  cases.push_back(object("list-specs", 8, wire::ListSpecsT{}));
  wire::SpecsT specs;
  specs.specs.push_back(std::make_unique<wire::SpecInfoT>());
  specs.specs[0]->name = "lua";
  specs.specs[0]->language = "lua";
  specs.specs[0]->display_name = "Lua 5.4";
  specs.specs[0]->argv = {"oast-kernel-lua", "", "--flag"};
  specs.specs[0]->problem = "not found";
  cases.push_back(object("specs", 8, specs));
  wire::KernelEventT event;
  event.change = wire::Change::state;
  event.info = boxed(golden_kernel());
  cases.push_back(object("kernel-event", 0, event));
  return cases;
}

std::vector<Golden> golden_interrupts() {
  std::vector<Golden> cases;
  wire::InterruptT interrupt;
  interrupt.kernel = 1;
  interrupt.request = 2;
  interrupt.host = 3;
  interrupt.timeout_ms = 4;
  interrupt.escalate = true;
  cases.push_back(object("interrupt", 9, interrupt));
  wire::InterruptedT interrupted;
  interrupted.outcome = wire::InterruptOutcome::killed;
  interrupted.request = 2;
  interrupted.host = 3;
  cases.push_back(object("interrupted", 9, interrupted));
  wire::BreakT brk;
  brk.sequence = 1;
  brk.host = 2;
  brk.request = 3;
  cases.push_back(object("break", 10, brk));
  wire::BreakT whatever;
  whatever.last = 4;
  cases.push_back(object("break-whatever", 10, whatever));
  wire::BreakReplyT reply;
  reply.state = wire::BreakState::nothing;
  reply.sequence = 1;
  cases.push_back(object("break-reply", 10, reply));
  return cases;
}

std::vector<Golden> golden_work() {
  std::vector<Golden> cases;
  wire::EvalT eval;
  eval.code = std::string("return '\0 \u00e9'\r\n", 15);
  eval.source_name = "cell 1";
  eval.args = golden_arguments(-1, "x");
  eval.lane = 2;
  eval.reply = wire::Reply::channel;
  cases.push_back(object("eval", std::numeric_limits<std::uint64_t>::max(), eval));
  wire::CallT call;
  call.function = "string.upper";
  call.source = "function(a) return a end";
  call.args = golden_arguments(1, "y");
  call.lane = 3;
  call.reply = wire::Reply::nothing;
  cases.push_back(object("call", 12, call));
  cases.push_back(object("result-without-value", 12, wire::ResultT{}));
  cases.push_back(object("failure", 12, golden_failure()));
  wire::OutputT output;
  output.kind = wire::OutputKind::err;
  output.text = "warning\r\n";
  cases.push_back(object("output", 12, output));
  output.text.clear();
  output.bytes = {0xFF, 0x00, 'a'};
  cases.push_back(object("output-bytes", 12, output));
  wire::OutputT display;
  display.kind = wire::OutputKind::display;
  display.parts.push_back(std::make_unique<wire::MimePartT>());
  display.parts[0]->mime = "text/plain";
  display.parts[0]->text = "a plot";
  cases.push_back(object("output-display", 12, display));
  display.display_id = "plot 1";
  display.update = true;
  cases.push_back(object("output-update", 12, display));
  wire::OutputT clear;
  clear.kind = wire::OutputKind::clear;
  clear.wait = true;
  cases.push_back(object("output-clear", 12, clear));
  wire::InputRequestT input;
  input.prompt = "name? ";
  input.password = true;
  cases.push_back(object("input-request", 12, input));
  wire::InputRequestT block;
  block.block_bytes = 65536;
  cases.push_back(object("input-request-block", 12, block));
  wire::InputReplyT line;
  line.text = "Ann";
  line.eof = true;
  cases.push_back(object("input-reply", 12, line));
  wire::InputReplyT bytes;
  bytes.bytes = {0, 255, 10};
  cases.push_back(object("input-reply-block", 12, bytes));
  block.ask = 2;
  cases.push_back(object("input-request-numbered", 12, block));
  bytes.ask = 2;
  cases.push_back(object("input-reply-numbered", 12, bytes));
  return cases;
}

std::vector<Golden> golden_log() {
  std::vector<Golden> cases;
  wire::AcknowledgeT acknowledge;
  acknowledge.kernel = 7;
  acknowledge.number = 41;
  acknowledge.reader = 21;
  cases.push_back(object("acknowledge", 0, acknowledge));
  wire::ReadLogT read;
  read.kernel = 7;
  read.from = 3;
  read.host = 9;
  read.request = 12;
  read.follow = true;
  cases.push_back(object("read-log", 21, read));
  wire::CloseLogT close;
  close.reader = 21;
  cases.push_back(object("close-log", 22, close));
  wire::LogEndT end;
  end.next = 42;
  cases.push_back(object("log-end", 21, end));
  wire::GapT gap;
  gap.kernel = 7;
  gap.first = 3;
  gap.last = 17;
  gap.bytes = 4096;
  cases.push_back(object("gap", 21, gap));
  wire::EndedT ended;
  ended.death = std::make_unique<wire::DeathT>(golden_death());
  ended.successor = 8;
  cases.push_back(object("ended", 0, ended));
  wire::ResumeT resume;
  resume.kernels.push_back(std::make_unique<wire::SeenT>());
  resume.kernels[0]->kernel = 7;
  resume.kernels[0]->number = 41;
  cases.push_back(object("resume", 0, resume));
  return cases;
}

std::vector<Golden> golden_frontend() {
  std::vector<Golden> cases;
  wire::CompleteT complete;
  complete.code = "string.up";
  complete.cursor = 9;
  cases.push_back(object("complete", 13, complete));
  wire::CompletionsT completions;
  completions.matches = {"upper", ""};
  completions.start = 7;
  completions.end = 9;
  cases.push_back(object("completions", 13, completions));
  wire::InspectT inspect;
  inspect.code = "print";
  inspect.cursor = 5;
  inspect.detail = 1;
  cases.push_back(object("inspect", 14, inspect));
  wire::InspectionT inspection;
  inspection.found = true;
  inspection.text = "function print(...)";
  cases.push_back(object("inspection", 14, inspection));
  wire::IsCompleteT is_complete;
  is_complete.code = "for i = 1, 2 do";
  cases.push_back(object("is-complete", 15, is_complete));
  wire::CompletenessT completeness;
  completeness.status = wire::CodeStatus::incomplete;
  completeness.indent = "  ";
  cases.push_back(object("completeness", 15, completeness));
  return cases;
}

std::vector<Golden> golden_channels() {
  std::vector<Golden> cases;
  wire::ChannelPutT put;
  put.channel = 1;
  put.value = std::move(golden_arguments(7, "")[0]);
  cases.push_back(object("channel-put", 16, put));
  put.back = true;
  put.value = std::move(golden_arguments(7, "")[0]);
  cases.push_back(object("channel-put-back", 16, put));
  wire::ChannelTakeT take;
  take.channel = 1;
  cases.push_back(object("channel-take", 17, take));
  wire::ChannelReadyT ready;
  ready.channel = 1;
  cases.push_back(object("channel-ready", 18, ready));
  wire::ChannelCloseT close;
  close.channel = 1;
  cases.push_back(object("channel-close", 19, close));
  wire::HostLeftT left;
  left.host = 9;
  cases.push_back(object("host-left", 0, left));
  return cases;
}

}  // namespace

std::vector<Golden> golden_cases() {
  std::vector<Golden> all;
  for (auto make : {golden_handshake, golden_kernels, golden_interrupts, golden_work,
                    golden_frontend, golden_channels, golden_log}) {
    for (Golden& one : make()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace oast::testing
