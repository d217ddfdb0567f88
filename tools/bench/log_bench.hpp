// What it takes to keep what kernels say, and to read it again.
#pragma once

#include <chrono>
#include <filesystem>
#include <vector>

#include <sys/types.h>

#include "oast/oast.hpp"
#include "report.hpp"

namespace oast::bench {

/// A kernel of Lua prints 48 MB, and its log is read from its first record to its last. The floor
/// is the same log's files, read with read(2).
Row replay(const Broker& broker, const std::filesystem::path& data_dir);

/// A kernel prints without end for `time` at a host whose output callback does not return: by how
/// much the broker's and the kernel's resident memory grew.
std::vector<Row> memory_under_flood(const std::filesystem::path& daemon, pid_t broker,
                                    std::chrono::milliseconds time);

}  // namespace oast::bench
