// What a peer that has ended had sent.
#pragma once

#include <chrono>
#include <functional>
#include <map>

#include "event_loop.hpp"
#include "message_verifier.hpp"
#include "peer_sender.hpp"
#include "peers.hpp"
#include "sockets.hpp"

namespace oast::broker {

/// A host or kernel whose process has ended, or that said goodbye, is gone for the others only when
/// all that it had sent on data was received and served. What it sent in its last moments may still
/// be in the hands of libzmq, which closes the connection after that.
///
/// To be called on the loop's thread. Each `done` is called once, and not from within `wait`.
class LastData {
 public:
  /// How long the data connection may stand: a process that escaped may have it, too. And how long
  /// it takes at most to receive the last of it when others never let the socket run dry.
  static constexpr std::chrono::milliseconds kOpen{500};
  static constexpr std::chrono::milliseconds kFlooded{40};

  /// `closed`: the connection was; else something may be lost.
  using Done = std::function<void(bool closed)>;

  LastData(EventLoop& loop, PeerTable& peers, PeerSender& sender, MessageVerifier& verifier,
           const RouterSocket& data)
      : loop_(loop), peers_(peers), sender_(sender), verifier_(verifier), data_(data) {}

  /// Does nothing for a peer that is waited for.
  void wait(PeerId peer, Done done);
  bool waits_for(PeerId peer) const { return ended_.contains(peer); }
  /// Instead: calls back when what was received of it so far has been served, at once if it was.
  void skip(PeerId peer, const std::function<void()>& done);

  /// Nothing is called back for the peer any more, if it was waited for.
  void cancel(PeerId peer) { ended_.erase(peer); }

  /// Finds out whose connections are closed. To be called before data is received.
  void probe();
  /// Ends the wait for those; says whether there was one. To be called when all data was received
  /// that had come.
  bool finish_closed();

 private:
  struct Ended {
    Done done;
    bool closed = false;
    EventLoop::Handle deadline = {};
  };
  EventLoop::Handle finish_after(std::chrono::milliseconds time, PeerId peer);
  void finish(PeerId peer);

  EventLoop& loop_;
  PeerTable& peers_;
  PeerSender& sender_;
  MessageVerifier& verifier_;
  const RouterSocket& data_;
  std::map<PeerId, Ended> ended_;
};

}  // namespace oast::broker
