// Outputs between the captured descriptors of this process and an outbox whose messages stay here.
#include <doctest/doctest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "oast/codec.hpp"
#include "outputs.hpp"

namespace oast::kernel {

namespace {

constexpr std::size_t kWindow = std::size_t{12} * 1024;

/// Takes descriptors 1 and 2 over for as long as it lives: no doctest macro meanwhile.
struct Outlet {
  std::vector<std::string> sent;
  Outbox outbox{[this](PeerId /*to*/, wire::Packet packet) {
    sent.emplace_back(wire::text(packet.root().body_as_Output()->text()));
  }};
  Capture capture;
  Outputs outputs{capture, outbox};

  Outlet() {
    outbox.limit(kWindow);
    outputs.begin({PeerId{1}, RequestId{1}});
  }
  /// What the control thread does at each of its turns.
  void turn() {
    outputs.pump();
    outputs.flush();
  }
};

bool write_to_stdout(const std::string& text) {
  return ::write(STDOUT_FILENO, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

TEST_CASE("P4: text that is gathered counts for the window before more is taken from a pipe") {
  const std::string gathered(kWindow, 'g');
  const std::string piped(std::size_t{60} * 1024, 'p');
  bool written = false;
  std::vector<std::string> without_room;
  std::vector<std::string> with_room;
  {
    Outlet outlet;
    outlet.outputs.text(Stream::out, gathered);
    written = write_to_stdout(piped);
    outlet.turn();
    outlet.turn();
    without_room = outlet.sent;
    outlet.outbox.acknowledged(1);
    outlet.turn();
    with_room = outlet.sent;
  }
  CHECK(written);
  CHECK(without_room == std::vector{gathered});
  CHECK(with_room == std::vector{gathered, piped.substr(0, OutputBuffer::kChunk)});
}

TEST_CASE("what was written to a descriptor comes before text that comes after it, room or not") {
  std::vector<std::string> sent;
  {
    Outlet outlet;
    outlet.outputs.text(Stream::out, std::string(kWindow, 'g'));
    outlet.outputs.flush();
    static_cast<void>(write_to_stdout("from C, "));
    outlet.outputs.text(Stream::out, "then from the engine");
    outlet.outputs.flush();
    sent = outlet.sent;
  }
  CHECK(sent ==
        std::vector<std::string>{std::string(kWindow, 'g'), "from C, then from the engine"});
}

}  // namespace oast::kernel
