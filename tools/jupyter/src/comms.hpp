// Comms: the messages between what a frontend shows, a widget say, and what stands behind it in the
// kernel.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "channels.hpp"
#include "oast/value.hpp"

namespace oast::jupyter {

/// Knows which comms are open, and how their messages travel to a kernel with the feature "comms"
/// and from it: to it as a call of `kReceiver`, from it as a display whose first part is of the
/// type `kMime`, with the message's type, content and metadata as JSON, and whose others are its
/// buffers. For the loop's thread.
class Comms {
 public:
  static constexpr const char* kMime = "application/vnd.jupyter.comm+json";
  static constexpr const char* kReceiver = "oast_kernel.comms.receive";

  static bool is_comm(std::string_view type) {
    return type == "comm_open" || type == "comm_msg" || type == "comm_close";
  }

  /// Takes note of the frontend's message. The arguments for the call by which the kernel gets it.
  std::vector<Value> to_kernel(const Message& message);
  /// Publishes what a kernel says by `output`; false, and nothing is done, if that is another
  /// output.
  bool from_kernel(Channels& channels, const Json& parent, const Output& output, OutputHold hold);
  /// The content of a comm_info_reply.
  Json info(const Json& request) const;

 private:
  void note(std::string_view type, const Json& content);

  std::map<std::string, std::string> targets_;  // of the open ones, by id
};

}  // namespace oast::jupyter
