// Output on its way through the host library.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "oast/oast.hpp"
#include "scripted_broker.hpp"

namespace oast::test {

TEST_CASE("output that is no text arrives byte for byte, and says so") {
  ScriptedBroker broker;
  const Broker host = broker.welcome();
  Worker worker = broker.attach(host);
  std::vector<Output> seen;
  const auto future =
      worker.remote_eval("1", {.on_output = [&](const Output& o) { seen.push_back(o); }});
  const auto id = broker.next(broker.data(), wire::Body::Eval);
  wire::OutputT bytes;
  bytes.bytes = {0x00, 0xff, 0x80, 'a'};
  broker.send(broker.data(), kKernel, wire::pack(id, bytes, 1));
  wire::OutputT text;
  text.kind = wire::OutputKind::err;
  text.text = "\u00e9";
  broker.send(broker.data(), kKernel, wire::pack(id, text, 2));
  broker.send(broker.data(), kKernel, wire::pack(id, wire::ResultT{}, 3));
  REQUIRE(future.wait_for(kGenerous));
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].text == std::string("\0\xff\x80"
                                    "a",
                                    4));
  CHECK_FALSE(seen[0].utf8);
  CHECK(seen[1].stream == Output::Stream::err);
  CHECK(seen[1].text == "\u00e9");
  CHECK(seen[1].utf8);
  broker.end();
}

}  // namespace oast::test
