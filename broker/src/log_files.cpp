#include "log_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "log_segment.hpp"
#include "segment_file.hpp"

namespace oast::broker {

namespace fs = std::filesystem;

namespace {

/// A segment's index has a record about every so many bytes.
constexpr std::uint64_t kIndexBytes = std::uint64_t{64} << 10;
/// Of a kernel, however small they are: a disk that fails now and then begins many.
constexpr std::size_t kMostSegments = 256;

std::string message_of(const std::exception& error) {
  const auto* const system = dynamic_cast<const std::system_error*>(&error);
  return system != nullptr ? system->code().message() : error.what();
}

LostRecords lost_of(KernelId kernel, const std::vector<const Record*>& records) {
  LostRecords lost{kernel, records.front()->number, records.back()->number, 0};
  for (const Record* record : records) lost.bytes += record->packet.bytes();
  return lost;
}

std::optional<KernelId> kernel_of(const fs::path& directory) {
  const std::string name = directory.filename().string();
  KernelId kernel;
  const auto end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, kernel.value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return kernel;
}

fs::file_time_type newest_in(const fs::path& directory) {
  std::error_code error;
  fs::file_time_type newest = fs::last_write_time(directory, error);
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    std::error_code gone;
    const auto time = entry.last_write_time(gone);
    if (!gone) newest = std::max(newest, time);
  }
  return newest;
}

}  // namespace

LogFiles::LogFiles(const fs::path& directory, const LogFileLimits& limits)
    : root_(directory / "logs"), limits_(limits) {}

fs::path LogFiles::directory_of(KernelId kernel) const {
  return root_ / std::to_string(kernel.value);
}

fs::path LogFiles::path_of(KernelId kernel, const Segment& segment) const {
  return directory_of(kernel) / (std::to_string(segment.first) + ".segment");
}

/// Throws std::system_error when the directory is not there, or not for us alone.
void LogFiles::make_root() {
  if (root_made_) return;
  make_private_directories(root_);
  struct stat info {};
  if (::stat(root_.c_str(), &info) != 0) throw std::system_error(errno, std::generic_category());
  if (info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
    throw std::runtime_error(root_.string() + " is not for this user alone");
  root_made_ = true;
}

LogFiles::Written LogFiles::write(KernelId kernel, const std::vector<Record>& records) {
  Written written;
  std::vector<const Record*> batch;
  for (const Record& record : records) {
    if (encoded_bytes(record) > limits_.kernel_bytes)
      written.lost.push_back(lost_of(kernel, {&record}));
    else
      batch.push_back(&record);
  }
  if (batch.empty()) return written;
  KernelFiles& files = kernels_[kernel];
  try {
    make_root();
    write_batch(kernel, files, batch);
    enforce_limits(kernel, written.lost);
  } catch (const std::exception& error) {
    files.open_ended = false;
    root_made_ = false;  // it may be gone, or another one by now
    written.problem = message_of(error);
    written.lost.push_back(lost_of(kernel, batch));
  }
  return written;
}

void LogFiles::write_batch(KernelId kernel, KernelFiles& files,
                           const std::vector<const Record*>& batch) {
  const bool append = files.open_ended && files.segments.back().size < limits_.segment_bytes;
  Segment segment = append ? files.segments.back() : Segment{.first = batch.front()->number};
  if (!append) make_private_directories(directory_of(kernel));
  const fs::path path = path_of(kernel, segment);
  SegmentWriter writer =
      append
          ? SegmentWriter(path, segment.size)
          : SegmentWriter(path, encode(SegmentHeader{kernel, segment.first, files.bytes_written}));
  try {
    for (const Record* record : batch) {
      if (segment.index.empty() || writer.offset() - segment.index.back().offset >= kIndexBytes)
        segment.index.push_back({record->number, writer.offset()});
      writer.append(*record);
    }
    writer.flush();
  } catch (...) {
    writer.undo();
    if (!append) ::unlink(path.c_str());
    throw;
  }
  const LostRecords added = lost_of(kernel, batch);
  segment.last = added.last;
  segment.bytes += added.bytes;
  const std::uint64_t growth = writer.offset() - segment.size;
  segment.size = writer.offset();
  if (append)
    files.segments.back() = std::move(segment);
  else
    files.segments.push_back(std::move(segment));
  files.open_ended = true;
  files.bytes_written += added.bytes;
  files.size += growth;
  size_ += growth;
}

void LogFiles::enforce_limits(KernelId kernel, std::vector<LostRecords>& lost) {
  KernelFiles& files = kernels_[kernel];
  while (files.segments.size() > kMostSegments ||
         (files.size > limits_.kernel_bytes && files.segments.size() > 1))
    drop_oldest(kernel, files, lost);
  while (size_ > limits_.total_bytes) {
    const auto most = std::max_element(
        kernels_.begin(), kernels_.end(),
        [](const auto& a, const auto& b) { return a.second.size < b.second.size; });
    if (most->second.segments.empty()) return;
    drop_oldest(most->first, most->second, lost);
  }
}

void LogFiles::drop_oldest(KernelId kernel, KernelFiles& files, std::vector<LostRecords>& lost) {
  const Segment& oldest = files.segments.front();
  lost.push_back({kernel, oldest.first, oldest.last, oldest.bytes});
  ::unlink(path_of(kernel, oldest).c_str());
  files.size -= oldest.size;
  size_ -= oldest.size;
  files.segments.pop_front();
  if (files.segments.empty()) files.open_ended = false;
}

LogFiles::Fetched LogFiles::fetch(KernelId kernel, std::uint64_t from, std::uint64_t until,
                                  std::size_t max_bytes, bool give_up) {
  Fetched fetched{{}, until + 1, {}, {}};
  const auto found = kernels_.find(kernel);
  if (found == kernels_.end()) return fetched;
  auto& segments = found->second.segments;
  const auto segment = std::partition_point(segments.begin(), segments.end(),
                                            [from](const Segment& s) { return s.last < from; });
  if (segment == segments.end() || segment->first > until) return fetched;
  if (!read_segment(kernel, *segment, from, until, max_bytes, fetched))
    drop_unreadable(kernel, found->second, static_cast<std::size_t>(segment - segments.begin()),
                    fetched, give_up);
  return fetched;
}

/// False when there is a bad record before the end of what was asked for.
bool LogFiles::read_segment(KernelId kernel, const Segment& segment, std::uint64_t from,
                            std::uint64_t until, std::size_t max_bytes, Fetched& fetched) const {
  fetched.next = from;
  const auto behind = std::partition_point(segment.index.begin(), segment.index.end(),
                                           [from](const Position& p) { return p.number <= from; });
  const auto start = behind == segment.index.begin() ? behind : std::prev(behind);
  SegmentReader reader(path_of(kernel, segment), start->offset, segment.size);
  std::size_t bytes = 0;
  for (;;) {
    const auto next = reader.peek();
    if (!next) return false;
    if (peek_record(*next).number < from) {
      const auto skipped = scan_record(*next);
      if (!skipped) return false;
      reader.advance(skipped->bytes);
      continue;
    }
    auto decoded = decode_record(*next);
    if (!decoded) return false;
    const std::uint64_t number = decoded->record.number;
    if (number > until) break;
    if (bytes > 0 && bytes + decoded->bytes > max_bytes) return true;
    fetched.records.push_back(std::move(decoded->record));
    fetched.next = number + 1;
    if (number >= segment.last) return true;
    bytes += decoded->bytes;
    reader.advance(decoded->bytes);
  }
  fetched.next = until + 1;
  return true;
}

/// Keeps of the segment what is before its first bad record.
void LogFiles::drop_unreadable(KernelId kernel, KernelFiles& files, std::size_t index,
                               Fetched& fetched, bool give_up) {
  Segment& segment = files.segments[index];
  Segment whole{.first = segment.first};
  whole.size = SegmentHeader::kBytes;
  SegmentReader reader(path_of(kernel, segment), whole.size, segment.size);
  while (const auto next = reader.peek()) {
    const auto decoded = decode_record(*next);
    if (!decoded) break;
    whole.last = decoded->record.number;
    whole.bytes += decoded->record.packet.bytes();
    whole.size += decoded->bytes;
    reader.advance(decoded->bytes);
  }
  if (whole.last == segment.last) return;  // read again, it was there
  if (reader.error() && !give_up) {
    if (fetched.records.empty()) fetched.problem = reader.error().message();
    return;
  }
  fetched.lost.push_back({kernel, whole.last == 0 ? segment.first : whole.last + 1, segment.last,
                          segment.bytes - whole.bytes});
  if (index + 1 == files.segments.size()) files.open_ended = false;
  if (whole.last == 0) {
    // Of a file that cannot be read nobody knows what it holds: it goes with the log.
    if (!reader.error()) ::unlink(path_of(kernel, segment).c_str());
    files.size -= segment.size;
    size_ -= segment.size;
    files.segments.erase(files.segments.begin() + static_cast<std::ptrdiff_t>(index));
  } else {  // the file keeps its size, and counts for it
    segment.last = whole.last;
    segment.bytes = whole.bytes;
    while (segment.index.back().offset >= whole.size) segment.index.pop_back();
  }
}

void LogFiles::remove(KernelId kernel) {
  std::error_code ignored;
  fs::remove_all(directory_of(kernel), ignored);
  const auto found = kernels_.find(kernel);
  if (found == kernels_.end()) return;
  size_ -= found->second.size;
  kernels_.erase(found);
}

void LogFiles::remove_older_than(std::chrono::seconds age) {
  std::error_code error;
  if (!fs::is_directory(root_, error)) return;
  try {
    make_root();
  } catch (const std::exception&) {
    return;  // a write tells
  }
  const auto old = fs::file_time_type::clock::now() - age;
  for (const auto& entry : fs::directory_iterator(root_, error)) {
    const auto kernel = kernel_of(entry.path());
    if (!kernel || kernels_.contains(*kernel) || newest_in(entry.path()) > old) continue;
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace oast::broker
