// How a test tells code in a kernel when to go on.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "scratch_directory.hpp"

namespace oast::test {

/// A named pipe. What is written to it waits for a reader.
class Fifo {
 public:
  Fifo() {
    REQUIRE(::mkfifo(path().c_str(), 0600) == 0);
    fd_ = ::open(path().c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(fd_ >= 0);
  }
  ~Fifo() { ::close(fd_); }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  std::string path() const { return directory_.file("fifo"); }
  void write(const std::string& text) const {
    REQUIRE(::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

 private:
  const ScratchDirectory directory_;
  int fd_ = -1;
};

}  // namespace oast::test
