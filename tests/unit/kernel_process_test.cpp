// A whole kernel process, with the toy engine, at the hands of a test that plays broker and hosts.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fifo.hpp"
#include "kernel_driver.hpp"
#include "toy_kernel.hpp"

namespace oast::test {

namespace {

template <class Object>
Object unpack(const wire::Packet& packet) {
  const auto* body = packet.root().body_as<typename Object::TableType>();
  REQUIRE(body != nullptr);
  Object object;
  body->UnPackTo(&object);
  return object;
}

Value value_of(const wire::Addressed& message) {
  const auto* result = message.packet.root().body_as_Result();
  REQUIRE(result != nullptr);
  return wire::read(result->value(), {});
}

FailureKind kind_of(const wire::Addressed& message) {
  const auto* failure = message.packet.root().body_as_Failure();
  REQUIRE(failure != nullptr);
  return wire::read(*failure).kind;
}

/// Neither gone nor a zombie, which only waits to be noticed.
bool lives(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat((std::istreambuf_iterator<char>(file)), {});
  const auto name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.at(name_end + 2) != 'Z';
}

wire::ChannelTakeT take_from(std::uint64_t channel) {
  wire::ChannelTakeT take;
  take.channel = channel;
  return take;
}

wire::Packet put_into(RequestId id, std::uint64_t channel, const Value& value) {
  wire::Writer writer;
  const auto written = writer.value(value);
  return writer.finish(id, wire::CreateChannelPut(writer.builder(), channel, written));
}

}  // namespace

TEST_CASE("a kernel says who it is and with what token") {
  KernelDriver hub(kToy, {.token = "feedbeef"});
  CHECK(hub.hello().role == wire::Role::kernel);
  CHECK(hub.hello().token == "feedbeef");
  CHECK(hub.hello().name == "toy-7");
  CHECK(hub.hello().pid == hub.pid());
}

TEST_CASE("evals and calls are answered, in order, with values, arguments and names") {
  KernelDriver hub(kToy);
  CHECK(hub.run("echo hello").value() == Value("hello"));

  wire::Writer writer;
  const std::vector<Value> args{1, "two", 3.5, Value::List{true}, Value(std::string(100'000, 'b'))};
  auto& builder = writer.builder();
  const auto written = writer.values(args);
  const auto code = builder.CreateString("args");
  hub.send_packet(writer.finish(RequestId{1000}, wire::CreateEval(builder, code, 0, written)));
  CHECK(hub.await(RequestId{1000}).value() == Value(args));

  wire::CallT call;
  call.function = "list";
  CHECK(hub.await(hub.send(call)).value() == Value(Value::List{}));
  call.function = "absent";
  CHECK(hub.await(hub.send(call)).failure().kind == FailureKind::not_found);

  wire::EvalT named;
  named.code = "source";
  named.source_name = "cell 3";
  CHECK(hub.await(hub.send(named)).value() == Value("cell 3"));
}

TEST_CASE("each kind of reply is one Result") {
  KernelDriver hub(kToy);
  for (const auto reply : {wire::Reply::done, wire::Reply::nothing})
    CHECK(hub.await(hub.eval("echo x", KernelDriver::kHost, reply)).value().is_nil());
  CHECK(hub.run("echo last").value() == Value("last"));
}

TEST_CASE("what an engine throws is the Failure of its request, and the next one is answered") {
  KernelDriver hub(kToy);
  const auto failure = hub.run("raise went wrong \xFF").failure();
  CHECK(failure.kind == FailureKind::remote_exception);
  CHECK(failure.message == "went wrong \xEF\xBF\xBD");
  CHECK(failure.type == "ToyError");
  CHECK(failure.traceback == std::vector<std::string>{"outer", "inner"});
  CHECK(hub.run("throw plain").failure().message == "plain");
  CHECK(hub.run("nomemory").failure().message == "out of memory");
  const auto deep = hub.run("deep").failure();
  CHECK(deep.kind == FailureKind::remote_exception);
  CHECK(deep.message.find("cannot be sent") != std::string::npos);
  CHECK(hub.run("echo on").value() == Value("on"));
}

TEST_CASE("completions, inspections and completeness are answered by the engine") {
  KernelDriver hub(kToy);
  wire::CompleteT complete;
  complete.code = "pri";
  complete.cursor = 3;
  const auto completions = unpack<wire::CompletionsT>(hub.await(hub.send(complete)).reply);
  CHECK(completions.matches == std::vector<std::string>{"pri!"});
  CHECK(completions.end == 3);
  wire::InspectT inspect;
  inspect.code = "it";
  CHECK(unpack<wire::InspectionT>(hub.await(hub.send(inspect)).reply).text == "about it");
  inspect.code = "nothing";
  CHECK_FALSE(unpack<wire::InspectionT>(hub.await(hub.send(inspect)).reply).found);
  const auto completeness =
      unpack<wire::CompletenessT>(hub.await(hub.send(wire::IsCompleteT{})).reply);
  CHECK(completeness.status == wire::CodeStatus::incomplete);
  CHECK(completeness.indent == "  ");
}

TEST_CASE("a body that no kernel knows what to do with is answered unimplemented") {
  KernelDriver hub(kToy);
  CHECK(hub.await(hub.send(wire::ListT{})).failure().kind == FailureKind::unimplemented);
}

TEST_CASE("P2: all output of a request comes before its reply, in order, with its number") {
  KernelDriver hub(kToy);
  auto answer = hub.run("print a\nraw b\nprint c\nsystem echo d; echo e >&2\neprint f\nprint g");
  CHECK(answer.out == "abcd\ng");
  CHECK(answer.err == "e\nf");
  CHECK(answer.numbers.front() == 1);
  CHECK(std::is_sorted(answer.numbers.begin(), answer.numbers.end()));
  CHECK(answer.numbers.size() == answer.numbers.back());
  const auto last = answer.numbers.back();
  CHECK(answer.reply.root().number() == last + 1);
  CHECK(hub.run("print h").numbers == std::vector<std::uint64_t>{last + 2});
}

TEST_CASE("P2: what was written to a descriptor just before the end comes before the reply") {
  KernelDriver hub(kToy);
  for (int i = 0; i < 500; ++i) {
    const auto text = std::to_string(i);
    auto answer = hub.run("raw " + text + "\neraw " + text);
    CHECK(answer.out == text);
    CHECK(answer.err == text);
  }
}

TEST_CASE("P2: a flood from the engine, from C and from a child arrives complete") {
  KernelDriver hub(kToy);
  CHECK(hub.run("flood 20000000").out.size() == 20'000'000);
  const auto child = hub.run("system head -c 5000000 /dev/zero | tr '\\0' y");
  CHECK(child.out == std::string(5'000'000, 'y'));
  const auto both =
      hub.run("raw " + std::string(300'000, 'r') + "\neraw " + std::string(300'000, 'e'));
  CHECK(both.out.size() == 300'000);
  CHECK(both.err.size() == 300'000);
}

TEST_CASE("P4: a flood that nobody reads is held back in the kernel, and nothing of it is lost") {
  constexpr std::size_t kFlood = 100'000'000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::size_t kRoom = 500'000'000;  // they keep what was freed, and shadows of it
#else
  constexpr std::size_t kRoom = 20'000'000;
#endif
  const auto size = std::to_string(kFlood);
  for (const std::string& code : {"flood " + size, "system head -c " + size + " /dev/zero"}) {
    CAPTURE(code);
    KernelDriver hub(kToy);
    const auto before = hub.ping().usage->rss_bytes;
    const auto id = hub.eval(code);
    // Control goes on, and shows that the work does not.
    wire::UsageT usage;
    const auto end = KernelDriver::deadline();
    do {
      REQUIRE(std::chrono::steady_clock::now() < end);
      usage = *hub.ping().usage;
      REQUIRE((usage.request == id.value || usage.request_ms == 0));
    } while (usage.request_ms < 500);
    CHECK(usage.rss_bytes < before + kRoom);
    CHECK(hub.await(id).out.size() == kFlood);
  }
}

TEST_CASE("output streams while the code runs") {
  KernelDriver hub(kToy);
  const auto id = hub.eval("print engine\nraw descriptor\nsystem echo child\nspin");
  std::string out;
  while (out != "enginedescriptorchild\n") {
    const auto message = hub.next(id);
    out += wire::text(message.packet.root().body_as_Output()->text());
  }
  CHECK(hub.interrupt(1).state == wire::BreakState::signalled);
  CHECK(hub.await(id).failure().kind == FailureKind::interrupted);
}

TEST_CASE("output that comes after the reply belongs to the request that left it running") {
  KernelDriver hub(kToy);
  const Fifo words;  // they speak when they are told what, after the reply
  const auto thread = hub.eval("later " + words.path());
  CHECK(hub.await(thread).out.empty());
  words.write("from a thread\n");
  CHECK(unpack<wire::OutputT>(hub.next(thread).packet).text == "from a thread");
  const auto child = hub.eval("system (head -n 1 " + words.path() + ") &");
  CHECK(hub.await(child).out.empty());
  words.write("from a child\n");
  CHECK(unpack<wire::OutputT>(hub.next(child).packet).text == "from a child\n");
}

TEST_CASE("every byte arrives as it was written, by the engine, by C code and by children") {
  KernelDriver hub(kToy);
  std::string all;  // but for the end of a command of the toy language
  for (int i = 0; i < 256; ++i)
    if (i != '\n') all += static_cast<char>(i);
  for (const std::string verb : {"print ", "raw "}) {
    CHECK(hub.run(verb + all).out == all);
    for (std::size_t at = 1; at < all.size(); ++at)
      REQUIRE(hub.run(verb + all.substr(0, at) + "\n" + verb + all.substr(at)).out == all);
  }
  CHECK(hub.run("eraw " + all).err == all);
  CHECK(
      hub.run("system for i in 0 1 2 3; do for j in 0 1 2 3 4 5 6 7; do for k in 0 1 2 3 4 5 6 7; "
              "do printf \"\\\\$i$j$k\"; done; done; done")
          .out == all.substr(0, 10) + "\n" + all.substr(10));
}

TEST_CASE("what is UTF-8 travels as text, what is not as bytes; characters in pieces are whole") {
  KernelDriver hub(kToy);
  CHECK(hub.run("raw \xE2\x82\nraw \xAC").out == "\u20ac");
  CHECK(hub.run("print \xE2\x82\nprint \xAC").out == "\u20ac");
  CHECK(hub.run("raw \xE2\x82").out == "\xE2\x82");
  const auto id = hub.eval("print a\xFF");
  const auto bytes = hub.next(id);
  CHECK(bytes.packet.root().body_as_Output()->text() == nullptr);
  CHECK(bytes.packet.root().body_as_Output()->bytes()->size() == 2);
  const auto text = hub.eval("print \u20ac");
  const auto whole = hub.next(text);
  CHECK(wire::text(whole.packet.root().body_as_Output()->text()) == "\u20ac");
  CHECK(whole.packet.root().body_as_Output()->bytes() == nullptr);
}

TEST_CASE("stdin of the code and of its children is empty") {
  KernelDriver hub(kToy);
  CHECK(hub.run("system wc -c").out == "0\n");
}

TEST_CASE("a child inherits no descriptor but the three, and no blocked or ignored signal") {
  KernelDriver hub(kToy);
  CHECK(hub.run("system exec ls /proc/self/fd").out == "0\n1\n2\n3\n");  // 3 is ls's own
  const auto status = hub.run("system exec grep -E 'Sig(Blk|Ign)' /proc/self/status").out;
  INFO(status);
  for (const std::string field : {"SigBlk:\t", "SigIgn:\t"}) {
    const auto mask =
        std::stoull(status.substr(status.find(field) + field.size(), 16), nullptr, 16);
    CHECK((mask & 0x7FFFFFFF) == 0);  // posix_spawn(3) itself ignores two above
  }
}

TEST_CASE("code that asks for input gets the line of its host, or the end of input") {
  KernelDriver hub(kToy);
  const auto id = hub.eval("print before\nask name?");
  CHECK(unpack<wire::OutputT>(hub.next(id).packet).text == "before");
  CHECK(unpack<wire::InputRequestT>(hub.next(id).packet).prompt == "name?");
  wire::InputReplyT line;
  line.text = "wrong";
  hub.send_as(id, line, PeerId{666});
  // Does not say whose request it is.
  hub.send_packet(wire::pack(id, Failure{.kind = FailureKind::disconnected}), PeerId{});
  line.text = "Ada";
  hub.send_as(id, line);
  CHECK(hub.await(id).value() == Value("Ada"));

  for (const bool host_leaves : {false, true}) {
    const auto again = hub.eval("ask again?");
    hub.next(again);
    wire::InputReplyT eof;
    eof.eof = true;
    if (host_leaves) {
      wire::HostLeftT left;
      left.host = KernelDriver::kHost.value;
      hub.send_as(RequestId{}, left, PeerId{});
    } else {
      hub.send_as(again, eof);
    }
    CHECK(hub.await(again).value() == Value("<eof>"));
  }
}

TEST_CASE("a host's take waits at the kernel and keeps nothing else waiting") {
  KernelDriver hub(kToy);
  const auto channel = hub.run("channel 1").value().as<std::uint64_t>();
  const auto taken = hub.send(take_from(channel));
  CHECK(hub.run("echo meanwhile").value() == Value("meanwhile"));
  CHECK_FALSE(hub.came(taken));
  hub.run("put " + std::to_string(channel) + " 42");
  CHECK(value_of(hub.next(taken)) == Value(42));
}

TEST_CASE("channel operations go on while the engine works") {
  KernelDriver hub(kToy);
  const auto channel = hub.run("channel 1").value().as<std::uint64_t>();
  const auto busy = hub.eval("spin");
  hub.until_running(busy);
  for (int i = 0; i < 100; ++i) {
    const RequestId put{std::uint64_t{5000} + static_cast<unsigned>(i)};
    const Value value = std::string(10'000, 'v') + std::to_string(i);
    const auto taken = hub.send(take_from(channel));
    hub.send_packet(put_into(put, channel, Value(Buffer::copy_of(value.as<std::string>()))));
    CHECK(value_of(hub.next(put)).is_nil());
    const auto message = hub.next(taken);
    CHECK(message.packet.buffers.at(0).to_string() == value.as<std::string>());
  }
  CHECK_FALSE(hub.came(busy));
  hub.interrupt(0);
  CHECK(hub.await(busy).failure().kind == FailureKind::interrupted);
}

TEST_CASE("the engine waits at channels for hosts, and hosts for the engine") {
  KernelDriver hub(kToy);
  const auto channel = hub.run("channel 1").value().as<std::uint64_t>();
  const auto name = std::to_string(channel);
  const auto engine_takes = hub.eval("take " + name);
  hub.until_running(engine_takes);
  hub.send_packet(put_into(RequestId{9000}, channel, Value("from the host")));
  CHECK(hub.await(engine_takes).value() == Value("from the host"));
  CHECK(value_of(hub.next(RequestId{9000})).is_nil());

  const auto engine_puts = hub.eval("put " + name + " 1\nput " + name + " 2\necho done");
  hub.until_running(engine_puts);
  CHECK(value_of(hub.next(hub.send(take_from(channel)))) == Value(1));
  CHECK(hub.await(engine_puts).value() == Value("done"));

  wire::ChannelReadyT ready;
  ready.channel = channel;
  CHECK(value_of(hub.next(hub.send(ready))) == Value(true));
  wire::ChannelCloseT close;
  close.channel = channel;
  CHECK(value_of(hub.next(hub.send(close))).is_nil());
  CHECK(hub.run("take " + name).value() == Value(2));
  CHECK(hub.run("take " + name).value() == Value("<closed>"));
  CHECK(hub.run("put " + name).failure().kind == FailureKind::not_found);
  CHECK(kind_of(hub.next(hub.send(take_from(channel)))) == FailureKind::not_found);
  CHECK(kind_of(hub.next(hub.send(take_from(12345)))) == FailureKind::not_found);
}

TEST_CASE(
    "P6: heartbeats are answered while the engine is busy, and say with what and for how long") {
  KernelDriver hub(kToy);
  CHECK(hub.ping().usage->request == 0);
  CHECK(hub.ping().usage->rss_bytes > 1'000'000);
  const auto id = hub.eval("spin");
  hub.until_running(id);
  hub.eval("echo next");
  const auto end = KernelDriver::deadline();
  for (;;) {
    const auto pong = hub.ping();
    if (pong.usage->queued == 1 && pong.usage->request_ms >= 100) {
      CHECK(pong.usage->request == id.value);
      CHECK(pong.usage->host == KernelDriver::kHost.value);
      CHECK(pong.usage->cpu_seconds > 0.0);
      break;
    }
    REQUIRE(std::chrono::steady_clock::now() < end);
  }
  CHECK_FALSE(hub.came(id));
  hub.interrupt(0);
  CHECK(hub.await(id).failure().kind == FailureKind::interrupted);
}

TEST_CASE(
    "a kernel ends with code 0 when it is told to, idle, busy, or waiting for whatever it likes") {
  for (const std::string code : {"", "spin", "sleep 600000", "read", "ask for ever", "take 1"}) {
    CAPTURE(code);
    KernelDriver hub(kToy);
    hub.run("channel 1");
    if (!code.empty()) hub.until_running(hub.eval(code));
    hub.shutdown();
    const int status = hub.wait_exit();
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(hub.raw_stderr().empty());
  }
}

TEST_CASE("what runs at a shutdown still gets its terminal reply, and its output") {
  KernelDriver hub(kToy);
  const auto id = hub.eval("print last words\nspin");
  hub.until_running(id);
  hub.shutdown();
  const auto answer = hub.await(id);
  CHECK(answer.out == "last words");
  CHECK(answer.failure().kind == FailureKind::interrupted);
  CHECK(hub.wait_exit() == 0);
}

TEST_CASE("code may end the kernel with any exit code, and what it printed arrives") {
  KernelDriver hub(kToy);
  const auto id = hub.eval("print " + std::string(100'000, 'p') + "\nraw end\nexit 3");
  const int status = hub.wait_exit();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 3);
  std::string out;
  while (out.size() < 100'003) out += unpack<wire::OutputT>(hub.next(id).packet).text;
  CHECK(out == std::string(100'000, 'p') + "end");
  CHECK_FALSE(hub.came(id));
}

TEST_CASE("P9: a crash keeps its signal, its last words, and the output before it") {
  for (const char* sanitizer : {"ASAN_OPTIONS", "TSAN_OPTIONS"}) {  // which would exit instead
    const char* options = std::getenv(sanitizer);
    ::setenv(sanitizer, (std::string(options ? options : "") + " handle_segv=0").c_str(), 1);
  }
  for (const int signal : {SIGSEGV, SIGABRT}) {
    CAPTURE(signal);
    KernelDriver hub(kToy);
    const std::string end = signal == SIGSEGV ? "crash" : "abort assertion x failed";
    const auto id = hub.eval("print before\n" + end);
    const int status = hub.wait_exit();
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == signal);
    CHECK(unpack<wire::OutputT>(hub.next(id).packet).text == "before");
    if (signal == SIGABRT) CHECK(hub.raw_stderr().find("assertion x failed") != std::string::npos);
  }
}

TEST_CASE(
    "P9: the last words of an engine that crashes before it is registered are on the raw stderr") {
  ::setenv("OAST_TOY_ABORT", "no such module", 1);
  KernelDriver hub(kToy, {.welcome = false});
  ::unsetenv("OAST_TOY_ABORT");
  const int status = hub.wait_exit();
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  CHECK(hub.raw_stderr() == "no such module");
}

TEST_CASE("P9: text on stderr is on the raw stderr too, whoever wrote it") {
  KernelDriver hub(kToy);
  const auto answer = hub.run("eprint from the engine;\nsystem echo from a child >&2");
  CHECK(answer.err == "from the engine;from a child\n");
  CHECK(hub.raw_stderr() == "from the engine;from a child\n");
}

TEST_CASE("a raw stderr that nobody reads holds nothing up") {
  KernelDriver hub(kToy);
  for (int i = 0; i < 100; ++i)
    CHECK(hub.run("eprint " + std::string(4000, 'e')).err.size() == 4000);
}

TEST_CASE(
    "P3: a kernel whose launcher is gone ends at once, with its children, also when it is busy") {
  KernelDriver hub(kToy);
  const auto id = hub.eval("system echo $$; exec sleep 1000");
  const auto child = static_cast<pid_t>(std::stol(unpack<wire::OutputT>(hub.next(id).packet).text));
  CHECK(lives(child));
  hub.close_stdin();
  hub.wait_exit();
  const auto end = KernelDriver::deadline();
  while (lives(child)) REQUIRE(std::chrono::steady_clock::now() < end);
}

TEST_CASE("a kernel that cannot start says why and exits with code 1") {
  SUBCASE("stdin is empty") {
    KernelDriver hub(kToy, {.welcome = false, .launch = ""});
    hub.close_stdin();
    CHECK(WEXITSTATUS(hub.wait_exit()) == 1);
    CHECK(hub.raw_stderr().find("stdin ended") != std::string::npos);
  }
  SUBCASE("nobody listens") {
    KernelDriver hub(kToy,
                     {.welcome = false,
                      .launch = R"({"protocol":1,"control":"ipc:///tmp/oast-nobody/c","data":)"
                                R"("ipc:///tmp/oast-nobody/d","kernel":7,"name":"x","spec":"x",)"
                                "\"token\":\"secret\"}\n"});
    CHECK(WEXITSTATUS(hub.wait_exit()) == 1);
    CHECK(hub.raw_stderr().find("oast-nobody") != std::string::npos);
    CHECK(hub.raw_stderr().find("secret") == std::string::npos);
  }
  SUBCASE("the broker refuses") {
    KernelDriver hub(kToy, {.welcome = false});
    hub.refuse(Failure{.kind = FailureKind::permission_denied, .message = "not the token"});
    CHECK(WEXITSTATUS(hub.wait_exit()) == 1);
    CHECK(hub.raw_stderr().find("not the token") != std::string::npos);
  }
}

TEST_CASE("garbage on either socket costs nothing but itself") {
  KernelDriver hub(kToy);
  hub.send_garbage();
  CHECK(hub.run("echo fine").value() == Value("fine"));
  CHECK(hub.ping().usage->request == 0);
}

}  // namespace oast::test
