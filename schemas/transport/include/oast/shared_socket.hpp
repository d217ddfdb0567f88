// A socket that threads take turns with.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <zmq.hpp>

#include "oast/frames.hpp"

struct pollfd;

namespace oast::wire {

/// A DEALER on `data` that exactly one thread holds at a time, so that the thread that waits for a
/// reply reads it off the socket itself instead of being woken by another: two thread switches less
/// on every round trip.
///
/// Threads: all functions are thread-safe. A *foreground* wait has the right of way over a
/// *background* one, which exists to receive when nobody else does. The holder sends what other
/// threads queue meanwhile. Handing over is a full fence, as zmq_socket(3) asks of migrations.
class SharedSocket {
 public:
  using Clock = std::chrono::steady_clock;
  using Handler = std::function<void(Addressed&&)>;
  using RefusedHandler = std::function<void(const Refused&)>;
  /// As poll(2).
  using Poll = std::function<int(std::span<pollfd>, int milliseconds)>;

  /// Takes over a connected DEALER whose handshake is done. `handler` runs on the holding thread,
  /// without locks, one message at a time, in order; it may call `send` and, nested, `wait`.
  /// `poll`, if given, is what the holder sleeps in: it may do other work meanwhile. `refused`, if
  /// given, is a handler of what cannot be read.
  SharedSocket(zmq::socket_t socket, Limits limits, Handler handler, Poll poll = {},
               RefusedHandler refused = {});
  ~SharedSocket();
  SharedSocket(const SharedSocket&) = delete;
  SharedSocket& operator=(const SharedSocket&) = delete;

  /// Sends now, or gives it to the holder to send. Never blocks. What was sent before a call began
  /// leaves before what this call sends, whichever threads call.
  void send(PeerId to, Packet packet);

  /// Receives, or lets another thread receive, until `done()`. Called with the lock held whenever
  /// something was handled or `notify` was called, so it must be cheap and must not call back.
  /// Returns done() as it was last; false at the deadline.
  bool wait(const std::function<bool()>& done,
            std::optional<Clock::time_point> deadline = std::nullopt);
  /// As `wait`, and ends when a signal handler ran on this thread while it slept, which it reports
  /// in `signalled`. With a deadline that has passed it still receives what has come, once.
  bool wait(const std::function<bool()>& done, std::optional<Clock::time_point> deadline,
            bool& signalled);

  /// Receives in the background until `deadline` or `close`, leaving the socket to any foreground
  /// wait; takes it only after it has been free for `linger`, or when `notify` asked for haste. One
  /// thread at a time may be in here.
  void background(std::chrono::milliseconds linger, Clock::time_point deadline);

  /// Its connection is gone: `send` drops until `replace`. Waits go on.
  void suspend();
  /// Goes on with another socket, of whose kind the constructor says more. What was still to be
  /// sent is dropped. Messages that the old one had received and nobody has handled are, too.
  void replace(zmq::socket_t socket);

  /// Makes every waiting thread look at its condition again, and the background take the socket at
  /// once if it is free.
  void notify();

  /// Ends all waits from now on; `send` drops. For shutting down. No thread may still be in any
  /// function when the object is destroyed.
  void close();
  bool closed() const;
  /// Closes, waits until no thread holds the socket, and closes it too, so that what was sent
  /// leaves while it lingers. For a process that ends while other threads may still be in here.
  void finish();

 private:
  bool wait(const std::function<bool()>& done, std::optional<Clock::time_point> deadline,
            bool* signalled);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace oast::wire
