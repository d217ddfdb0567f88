// A host at a broker.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "acknowledgements.hpp"
#include "broker_endpoint.hpp"
#include "connection.hpp"
#include "interruptible_wait.hpp"
#include "kernel_handle.hpp"
#include "log_stream.hpp"
#include "oast/log.hpp"
#include "open_requests.hpp"
#include "received_memory.hpp"
#include "request.hpp"
#include "resumption.hpp"

namespace oast::detail {

/// A host's identity at a broker, its open requests and the ids that they get. It owns the
/// connection that they travel on.
///
/// `close` ends the connection and every open request; the object itself lives as long as somebody
/// holds one of its requests. Thread-safe.
class Session : public std::enable_shared_from_this<Session> {
 public:
  using Clock = std::chrono::steady_clock;

  /// Dials and starts the threads. With `resumption` it comes back by itself when its connection is
  /// gone. Throws as wire::dial.
  static std::shared_ptr<Session> open(BrokerEndpoint endpoint, const std::string& name,
                                       std::chrono::milliseconds timeout,
                                       std::unique_ptr<Resumption> resumption = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Waits, 5 s at most, until the broker has received what was sent; says Goodbye, ends every open
  /// request with `disconnected`, ends an embedded broker and its kernels. Blocks. Called once, not
  /// in a callback.
  void close();

  const BrokerEndpoint& endpoint() const { return endpoint_; }
  PeerId self() const { return connection_.self(); }
  bool connected() const { return connected_; }
  /// It has a name, under which it can be gone on with.
  bool resumable() const { return resumption_ != nullptr; }
  /// An earlier process began it.
  bool resumed() const { return resumed_; }
  /// `close` ends it at the broker, too.
  void end_with_connection() { for_good_ = true; }
  /// True on a thread that runs a callback or continuation of any session, which must not block.
  static bool in_callback();

  /// Sends an Eval or Call. Does not block.
  Future<Value> submit(const std::shared_ptr<KernelHandle>& kernel, const Evaluator::Request& asked,
                       EvalOptions options);
  /// Sends what the kernel answers without queueing it at the broker. Does not block.
  /// `build(id)` gives the message.
  template <class Build>
  std::shared_ptr<Request> ask_kernel(const std::shared_ptr<KernelHandle>& kernel,
                                      const Build& build) {
    return send_data(make_request(kernel), build);
  }
  /// Asks the broker on control. `kernel`: whose death explains a failure, or nullptr. Does not
  /// block.
  template <class Object>
  std::shared_ptr<Request> ask(const Object& object, std::shared_ptr<KernelHandle> kernel = {}) {
    auto request = make_request(std::move(kernel));
    if (register_request(request))
      send_control(wire::pack(request->id(), object, wire::kNumberLater));
    return request;
  }
  /// The same, and blocks for the answer, which it throws if it is a failure.
  template <class Object>
  std::shared_ptr<Request> ask_and_wait(const Object& object,
                                        std::shared_ptr<KernelHandle> kernel = {}) {
    auto request = ask(object, std::move(kernel));
    request->wait(std::nullopt);
    static_cast<void>(request->value());
    return request;
  }

  /// The same for a Start. Ended by the interrupt check, it leaves no kernel behind.
  std::shared_ptr<Request> start_and_wait(const wire::StartT& asked);

  /// Something was sent that the caller does not wait for: an embedded broker is to look.
  void attend() const {
    if (endpoint_.embedded) endpoint_.embedded->attend();
  }

  /// Output of `kernel` that belongs to no open request goes to it, until it dies.
  void adopt(const std::shared_ptr<KernelHandle>& kernel);

  /// Asks for records of a kernel's log. Does not block.
  std::shared_ptr<LogStream> read_log(KernelId kernel, const LogOptions& options);
  /// Blocks; see LogReader::next_until.
  std::optional<wire::Addressed> next(LogStream& stream, std::optional<Clock::time_point> deadline);
  void close_log(LogStream& stream) noexcept;

  // For OutputScope: an output came whose callback begins; nobody needs it any more.
  void begin_output(const RecordKey& output, std::size_t bytes) {
    acknowledgements_.begin(output, bytes);
  }
  void end_output(const RecordKey& output) {
    acknowledge(output.kernel, acknowledgements_.end(output));
  }

  // For Request and LogReader.
  ReceivedMemory& memory() const { return *memory_; }
  bool wait(const Request& request, std::optional<Clock::time_point> deadline);
  void cancel(const Request& request);
  void begin_haste();
  void end_haste() noexcept { --haste_; }

 private:
  static wire::HelloT hello(const BrokerEndpoint& endpoint, const std::string& name,
                            Resumption* resumption);
  Session(BrokerEndpoint endpoint, std::string name, wire::Connection connection,
          std::unique_ptr<Resumption> resumption);

  std::shared_ptr<Request> make_request(std::shared_ptr<KernelHandle> kernel);
  /// False when the session is closed; the request has ended then.
  bool register_request(const std::shared_ptr<Request>& request);
  template <class Build>
  std::shared_ptr<Request> send_data(std::shared_ptr<Request> request, const Build& build) {
    wire::Packet packet = build(request->id());
    if (register_request(request)) send_data(peer_of(request->kernel()->id()), std::move(packet));
    return request;
  }

  /// Packed with kNumberLater.
  void send_control(wire::Packet packet);
  void send_data(PeerId to, wire::Packet packet);
  /// False: it came before the connection was lost.
  bool is_new(const wire::Addressed& message);
  /// The broker says that it does not know the connection any more.
  static bool cuts_off(const wire::Addressed& message);
  void ask_for_missed(KernelId kernel);
  std::optional<zmq::socket_t> redial(std::string& why);
  std::optional<wire::Connection> dial_again();
  void on_gap(const wire::Gap& gap);

  void deliver_all() noexcept;
  template <class Ready>
  bool wait_for(const Ready& ready, std::optional<Clock::time_point> deadline) {
    return wait_interruptibly(deadline, [&](std::optional<Clock::time_point> until) {
      bool there = connection_.data().wait(ready, until);
      // A closed socket ends waits a moment before whoever ends the request is through.
      while (!there && !(until && Clock::now() >= *until)) {
        std::this_thread::yield();
        there = ready();
      }
      if (haste_ > 0)
        connection_.data().notify();  // others depend on what this thread received so far
      return there;
    });
  }
  void acknowledge(PeerId kernel, std::optional<std::uint64_t> number, RequestId reader = {});
  void on_data(wire::Addressed&& message) noexcept;
  void on_output(PeerId kernel, RequestId id, wire::Packet&& packet) noexcept;
  void deliver_output(PeerId kernel, RequestId id, wire::Packet&& packet) noexcept;
  void on_input_request(PeerId kernel, RequestId id, const wire::InputRequest& asked);
  /// False when there is no callback.
  bool answer_input(PeerId kernel, RequestId id, const wire::InputRequest& asked);
  void on_control(wire::Addressed&& message);
  void on_asked(const wire::Acknowledge& asked);
  void on_data_refused(const wire::Refused& refused) noexcept;
  /// Ends the request with the failure that says so.
  void refuse(const wire::Refused& refused);
  void on_lost(const std::string& why);
  void end_all(const std::string& why) noexcept;
  void end_logs(const std::string& why) noexcept;
  void take_back(const std::shared_ptr<Request>& start);
  void interrupt(RequestId id, KernelId kernel, std::chrono::milliseconds patience);
  std::vector<PeerId> known_kernels();
  std::vector<std::shared_ptr<KernelHandle>> adopted(PeerId kernel);

  const BrokerEndpoint endpoint_;  // before the sockets, which live in its context
  const std::string name_;
  const std::unique_ptr<Resumption> resumption_;  // nullptr: it ends with its connection
  const bool resumed_;
  std::atomic<bool> for_good_{false};
  std::atomic<std::uint64_t> last_id_;
  std::atomic<bool> connected_{true};
  std::atomic<bool> cut_{false};  // its connection is gone, and it tries to come back
  std::atomic<int> haste_{0};     // requests that somebody depends on without waiting for them
  OpenRequests requests_;
  Acknowledgements acknowledgements_;
  LogStreams logs_;

  std::mutex adopted_mutex_;
  std::unordered_map<PeerId, std::vector<std::weak_ptr<KernelHandle>>> adopted_;

  const std::shared_ptr<ReceivedMemory> memory_;
  Connection connection_;
};

}  // namespace oast::detail
