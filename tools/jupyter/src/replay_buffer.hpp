// What the cells that run have published, for frontends that come meanwhile.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"
#include "oast/value.hpp"

namespace oast::jupyter {

/// A message of iopub before it has a header of its own.
struct Publication {
  Json parent = Json::object();
  std::string type;
  Json content = Json::object();
  Json metadata = Json::object();
  std::vector<Buffer> buffers;
};

/// Keeps publications of one cell, with neighbours of a stream as one. Bounded: of more than
/// kMostBytes the oldest go, and a line on stderr says how much that was.
class ReplayBuffer {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{4} << 20;

  /// From now on those with the parent `header` are kept, and no others; {}: none.
  void begin(const Json& header);
  bool keeps(const Json& parent) const { return !id_.empty() && id_ == text_at(parent, "msg_id"); }
  void add(Publication publication);
  /// What is kept, oldest first, with `{"oast": {"replayed": true}}` in the metadata.
  std::deque<Publication> replayed() const;

 private:
  struct Entry {
    Publication publication;
    std::size_t bytes;
  };

  std::string id_;  // of the cell; empty: none
  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;
  std::size_t gone_ = 0;  // bytes
};

}  // namespace oast::jupyter
