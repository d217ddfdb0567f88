// A test kit that knows the protocol: the broker's side of one kernel, in the test's hands.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "oast/codec.hpp"
#include "oast/frames.hpp"
#include "scratch_directory.hpp"
#include "waiting.hpp"

namespace oast::test {

/// Starts a kernel program, finishes its handshake, and then speaks to it as a broker and as hosts.
/// Every wait ends with an exception after `kGenerous`, which no passing test comes near. One
/// thread.
class KernelDriver {
 public:
  static constexpr PeerId kHost{100};

  struct Options {
    std::string token = "0123456789abcdef";
    bool welcome = true;  ///< let it in
    /// The first line of its stdin; absent: the right one.
    std::optional<std::string> launch = std::nullopt;
    std::uint64_t window_bytes = 4 << 20;
    bool acknowledge = true;  ///< each record when the test takes it off the socket
  };

  explicit KernelDriver(const std::string& program) : KernelDriver(program, Options{}) {}
  KernelDriver(const std::string& program, const Options& options)
      : options_(options), control_(bind("control")), data_(bind("data")) {
    spawn(program);
    write_line(options.launch.value_or(
        R"({"protocol":1,"control":"ipc://)" + home() + R"(/control","data":"ipc://)" + home() +
        R"(/data","kernel":7,"name":"toy-7","spec":"toy","token":")" + options.token + "\"}\n"));
    if (options.welcome) shake_hands();
  }
  ~KernelDriver() {
    if (pid_ > 0 && !status_) {
      ::kill(-pid_, SIGKILL);
      wait_exit();
    }
    close_stdin();
    ::close(stderr_);
  }
  KernelDriver(const KernelDriver&) = delete;
  KernelDriver& operator=(const KernelDriver&) = delete;

  pid_t pid() const { return pid_; }

  // Data ------------------------------------------------------------------------------------------

  /// Sends a request of `host`; returns its id.
  template <class Object>
  RequestId send(const Object& body, PeerId host = kHost) {
    const RequestId id{++last_id_};
    send_as(id, body, host);
    return id;
  }
  template <class Object>
  void send_as(RequestId id, const Object& body, PeerId host = kHost) {
    send_packet(wire::pack(id, body), host);
  }
  void send_packet(wire::Packet packet, PeerId host = kHost) {
    const auto body = wire::read_head(packet).body;
    const bool counted =
        body == wire::Body::Eval || body == wire::Body::Call || body > wire::Body::MAX;
    transmit(data_, data_route_, host, packet, counted ? ++dispatched_ : 0);
  }
  RequestId eval(const std::string& code, PeerId host = kHost,
                 wire::Reply reply = wire::Reply::value) {
    wire::EvalT body;
    body.code = code;
    body.reply = reply;
    return send(body, host);
  }

  /// The next message on data that is about `id`, of any kind.
  wire::Addressed next(RequestId id) {
    return take([&](const wire::Addressed& m) { return m.packet.root().id() == id.value; });
  }

  struct Answer {
    std::string out;
    std::string err;
    std::vector<std::uint64_t> numbers;  ///< of its outputs
    wire::Packet reply;

    bool is_result() const { return reply.root().body_as_Result() != nullptr; }
    Value value() {
      const auto* result = reply.root().body_as_Result();
      if (result == nullptr) throw std::runtime_error("a Failure: " + failure().message);
      return wire::read(result->value(), wire::share(std::move(reply.buffers)));
    }
    Failure failure() const {
      const auto* failure = reply.root().body_as_Failure();
      if (failure == nullptr) throw std::runtime_error("no Failure");
      return wire::read(*failure);
    }
  };
  /// Collects the outputs of `id` until its terminal reply. Leaves its requests for input
  /// unanswered.
  Answer await(RequestId id) {
    for (Answer answer;;) {
      auto message = next(id);
      if (message.packet.root().body_as_InputRequest() != nullptr) continue;
      const auto* output = message.packet.root().body_as_Output();
      if (output == nullptr) {
        answer.reply = std::move(message.packet);
        return answer;
      }
      (output->kind() == wire::OutputKind::out ? answer.out : answer.err) += written(*output);
      answer.numbers.push_back(message.packet.root().number());
    }
  }
  /// What a program wrote, whichever way it travelled.
  static std::string written(const wire::Output& output) {
    if (output.bytes() == nullptr) return std::string(wire::text(output.text()));
    return {output.bytes()->begin(), output.bytes()->end()};
  }
  Answer run(const std::string& code) { return await(eval(code)); }

  /// True when a message about `id` has come. Does not wait.
  bool came(RequestId id) {
    while (auto message = receive_record()) inbox_.push_back(std::move(*message));
    for (const auto& message : inbox_)
      if (message.packet.root().id() == id.value) return true;
    return false;
  }

  /// How many records were taken off the socket, and their bytes.
  std::uint64_t records() const { return records_; }
  std::size_t record_bytes() const { return record_bytes_; }
  /// Takes what comes until nothing has come for so long of the time of the request `id`, which the
  /// kernel itself tells in its Pongs. False when it does not run that long.
  bool stands_still(RequestId id, std::uint64_t milliseconds = 400) {
    const auto end = deadline();
    std::uint64_t moved_at = ping().usage->request_ms;
    std::uint64_t before = records_;
    for (;;) {
      const auto usage = *ping().usage;
      came(id);
      if (usage.request != id.value && usage.request_ms > 0) return false;
      if (std::exchange(before, records_) != records_) moved_at = usage.request_ms;
      if (usage.request_ms >= moved_at + milliseconds) return usage.request == id.value;
      if (std::chrono::steady_clock::now() > end) return false;
    }
  }

  // Control ---------------------------------------------------------------------------------------

  template <class Object>
  void command(const Object& body) {
    wire::Packet packet = wire::pack(RequestId{++last_id_}, body);
    transmit(control_, control_route_, PeerId{}, packet);
  }
  wire::PongT ping() {
    wire::PingT ping;
    ping.sent_ns = ++last_id_;
    command(ping);
    wire::PongT pong;
    control_answer().root().body_as_Pong()->UnPackTo(&pong);
    if (pong.sent_ns != ping.sent_ns) throw std::runtime_error("the wrong Pong");
    return pong;
  }
  wire::BreakReplyT interrupt(std::uint64_t sequence) {
    wire::BreakT order;
    order.sequence = sequence;
    return interrupt(order);
  }
  wire::BreakReplyT interrupt(const wire::BreakT& order) {
    command(order);
    wire::BreakReplyT reply;
    control_answer().root().body_as_BreakReply()->UnPackTo(&reply);
    return reply;
  }
  /// Pings until the kernel says that the request runs.
  void until_running(RequestId id) {
    const auto end = deadline();
    while (ping().usage->request != id.value) {
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("it does not run");
    }
  }
  void shutdown() { command(wire::ShutdownT{}); }
  /// Records up to `number` have been done with.
  void acknowledge(std::uint64_t number) {
    wire::AcknowledgeT done;
    done.kernel = 7;
    done.number = number;
    command(done);
  }
  /// All that has come, and from now on each record that comes.
  void acknowledge_all() {
    options_.acknowledge = true;
    acknowledge(records_);
  }

  /// Without `welcome`: answers Hello so.
  void refuse(const Failure& failure) {
    first(control_, control_route_);
    wire::Packet packet = wire::pack(RequestId{}, failure);
    transmit(control_, control_route_, PeerId{}, packet);
  }
  /// Messages that are none, on both sockets.
  void send_garbage() {
    for (auto* end : {&control_, &data_}) {
      const std::string& route = end == &control_ ? control_route_ : data_route_;
      for (const char* bytes : {"", "x", "OASTOASTOASTOASTOASTOASTOASTOAST"}) {
        end->send(zmq::buffer(route), zmq::send_flags::sndmore);
        end->send(zmq::message_t{}, zmq::send_flags::sndmore);
        end->send(zmq::message_t(std::string_view(bytes)), zmq::send_flags::none);
      }
      end->send(zmq::buffer(route), zmq::send_flags::sndmore);
      end->send(zmq::message_t(std::string_view("no address")), zmq::send_flags::none);
    }
  }

  // The process -----------------------------------------------------------------------------------

  void close_stdin() {
    if (stdin_ >= 0) ::close(std::exchange(stdin_, -1));
  }
  /// As waitpid(2) gives it. Throws when the process outlives the patience.
  int wait_exit() {
    const auto end = deadline();
    while (!status_) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_)
        status_ = status;
      else if (std::chrono::steady_clock::now() > end)
        throw std::runtime_error("it does not end");
      else
        ::poll(nullptr, 0, 1);
    }
    return *status_;
  }
  /// What it has written to its raw stderr.
  std::string raw_stderr() {
    std::array<char, 4096> chunk{};
    for (ssize_t got = 0; (got = ::read(stderr_, chunk.data(), chunk.size())) > 0;)
      raw_.append(chunk.data(), static_cast<std::size_t>(got));
    return raw_;
  }
  /// Hello as it was received.
  const wire::HelloT& hello() const { return hello_; }

  static std::chrono::steady_clock::time_point deadline() {
    return std::chrono::steady_clock::now() + kGenerous;
  }

 private:
  std::string home() const { return scratch_.path().string(); }

  zmq::socket_t bind(const std::string& name) {
    zmq::socket_t socket(context_, zmq::socket_type::router);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::sndhwm, 0);
    socket.bind("ipc://" + scratch_.file(name));
    return socket;
  }

  void spawn(const std::string& program) {
    std::array<int, 2> in{};
    std::array<int, 2> err{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0)
      throw std::runtime_error("pipe");
    stdin_ = in[1];
    stderr_ = err[0];
    ::fcntl(stderr_, F_SETFL, O_NONBLOCK);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, err[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, err[1], STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    std::string name = program;
    std::array<char*, 2> argv{name.data(), nullptr};
    const int error =
        ::posix_spawn(&pid_, program.c_str(), &files, &attributes, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    ::close(in[0]);
    ::close(err[1]);
    if (error != 0) throw std::runtime_error("cannot start " + program);
  }

  void write_line(const std::string& line) const {
    if (::write(stdin_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      throw std::runtime_error("cannot write the launch details");
  }

  void shake_hands() {
    first(control_, control_route_).root().body_as_Hello()->UnPackTo(&hello_);
    wire::WelcomeT welcome;
    welcome.version = wire::kVersion;
    welcome.peer = 7;
    welcome.ticket = {1, 2, 3};
    welcome.heartbeat_ms = 1000;
    welcome.heartbeat_misses = 5;
    welcome.window_bytes = options_.window_bytes;
    wire::Packet packet = wire::pack(RequestId{}, welcome);
    transmit(control_, control_route_, PeerId{}, packet);
    const wire::Packet join = first(data_, data_route_);
    if (join.root().body_as_Join()->ticket()->size() != 3) throw std::runtime_error("a bad Join");
    packet = wire::pack(RequestId{}, wire::JoinedT{});
    transmit(data_, data_route_, PeerId{}, packet);
  }

  wire::Packet first(zmq::socket_t& socket, std::string& route) {
    return std::move(wait_for(socket, [&] { return receive(socket, route); }).packet);
  }
  wire::Packet control_answer() { return first(control_, control_route_); }

  template <class Receive>
  wire::Addressed wait_for(zmq::socket_t& socket, const Receive& receive) {
    const auto end = deadline();
    for (;;) {
      if (auto message = receive()) return std::move(*message);
      zmq::pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, std::chrono::milliseconds(100));
      if (std::chrono::steady_clock::now() > end)
        throw std::runtime_error("the kernel said nothing; its stderr: " + raw_stderr());
    }
  }

  wire::Addressed take(const std::function<bool(const wire::Addressed&)>& wanted) {
    for (auto it = inbox_.begin(); it != inbox_.end(); ++it) {
      if (!wanted(*it)) continue;
      auto message = std::move(*it);
      inbox_.erase(it);
      return message;
    }
    for (;;) {
      auto message = wait_for(data_, [this] { return receive_record(); });
      if (wanted(message)) return message;
      inbox_.push_back(std::move(message));
    }
  }

  /// What comes on data after the handshake. Its numbers have no gap.
  std::optional<wire::Addressed> receive_record() {
    auto message = receive(data_, data_route_);
    if (!message) return message;
    const std::uint64_t number = message->packet.root().number();
    if (number != ++records_)
      throw std::runtime_error("record " + std::to_string(number) + " came instead of " +
                               std::to_string(records_));
    record_bytes_ += message->packet.bytes();
    if (options_.acknowledge) acknowledge(number);
    return message;
  }

  static std::optional<wire::Addressed> receive(zmq::socket_t& socket, std::string& route) {
    auto frames = wire::receive_frames(socket, 100);
    if (!frames) return std::nullopt;
    if (frames->size() < 3) throw std::runtime_error("too few frames");
    route = frames->at(0).to_string();
    const auto to = wire::read_address(frames->at(1));
    if (!to) throw std::runtime_error("a bad address");
    wire::Addressed result{*to, {std::move(frames->at(2)), {}}};
    for (std::size_t i = 3; i < frames->size(); ++i)
      result.packet.buffers.push_back(std::move(frames->at(i)));
    if (const auto problem = wire::verify(result.packet))
      throw std::runtime_error("a malformed message: " + std::string(*problem));
    return result;
  }

  static void transmit(zmq::socket_t& socket, const std::string& route, PeerId from,
                       wire::Packet& packet, std::uint64_t sequence = 0) {
    socket.send(zmq::buffer(route), zmq::send_flags::sndmore);
    if (!wire::send(socket, from, packet, {.sequence = sequence}))
      throw std::runtime_error("cannot send");
  }

  Options options_;
  const ScratchDirectory scratch_;
  zmq::context_t context_;
  zmq::socket_t control_;
  zmq::socket_t data_;
  std::string control_route_;
  std::string data_route_;
  std::deque<wire::Addressed> inbox_;
  std::uint64_t records_ = 0;
  std::size_t record_bytes_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint64_t dispatched_ = 0;  // as a broker counts
  wire::HelloT hello_;
  pid_t pid_ = -1;
  int stdin_ = -1;
  int stderr_ = -1;
  std::optional<int> status_;
  std::string raw_;
};

}  // namespace oast::test
