#include "replay_buffer.hpp"

#include <utility>

namespace oast::jupyter {
namespace {

/// About what it takes.
std::size_t size_of(const Publication& publication) {
  if (publication.type == "stream") return text_at(publication.content, "text").size();
  std::size_t size = dump_json(publication.content).size();
  for (const Buffer& buffer : publication.buffers) size += buffer.view().size();
  return size;
}

bool joins(const Publication& last, const Publication& next) {
  return last.type == "stream" && next.type == "stream" &&
         text_at(last.content, "name") == text_at(next.content, "name");
}

}  // namespace

void ReplayBuffer::begin(const Json& header) {
  id_ = text_at(header, "msg_id");
  entries_.clear();
  bytes_ = gone_ = 0;
}

void ReplayBuffer::add(Publication publication) {
  const std::size_t size = size_of(publication);
  bytes_ += size;
  // An entry is what goes as a whole, so it should not become large.
  constexpr std::size_t kJoinedBytes = kMostBytes / 64;
  if (!entries_.empty() && entries_.back().bytes < kJoinedBytes &&
      joins(entries_.back().publication, publication)) {
    auto& text = entries_.back().publication.content["text"].get_ref<std::string&>();
    text += publication.content["text"].get_ref<const std::string&>();
    entries_.back().bytes += size;
  } else {
    entries_.push_back({std::move(publication), size});
  }
  for (; bytes_ > kMostBytes; entries_.pop_front()) {
    bytes_ -= entries_.front().bytes;
    gone_ += entries_.front().bytes;
  }
}

std::deque<Publication> ReplayBuffer::replayed() const {
  std::deque<Publication> result;
  for (const Entry& entry : entries_) {
    result.push_back(entry.publication);
    result.back().metadata["oast"]["replayed"] = true;
  }
  if (gone_ > 0 && !result.empty()) {
    Publication gap = result.front();
    gap.type = "stream";
    gap.content = {{"name", "stderr"},
                   {"text", "[oast: the first " + std::to_string(gone_) +
                                " bytes of this cell's output are not shown again]\n"}};
    result.push_front(std::move(gap));
  }
  return result;
}

}  // namespace oast::jupyter
