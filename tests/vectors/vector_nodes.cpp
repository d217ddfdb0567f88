// The vectors as nodes of oast_value.h, for the tests of languages that stand on C: a library that
// ctypes, ccall and the like can load.
#include <memory>
#include <string>

#include "oast/c_value.hpp"
#include "vector_file.hpp"

using namespace oast;
using namespace oast::testing;

namespace {

thread_local std::string problem;

}  // namespace

extern "C" {

/// What was wrong in the last call on this thread that failed.
const char* vector_problem() { return problem.c_str(); }

/// The value of a ".bin" file; nothing when it cannot be read. To be given to vector_close.
void* vector_open(const char* file, oast_value* nodes) try {
  auto packet = read_vector(file);
  std::vector<Value> one;
  one.push_back(read_result(packet));
  auto values = std::make_unique<CValues>(std::move(one));
  *nodes = values->get();
  return values.release();
} catch (const std::exception& error) {
  problem = error.what();
  return nullptr;
}

void vector_close(void* vector) { delete static_cast<CValues*>(vector); }

/// Whether these nodes, written to a message and read again, are what the ".json" file says: 1, or
/// 0 and a problem.
int vector_means(const char* file, oast_value nodes) try {
  const Json meant = to_readable(from_readable(read_form(file)));
  const Json got = to_readable(sent(from_c(nodes)));
  if (got == meant) return 1;
  problem = got.dump().substr(0, 2000) + "\nwhere it should be\n" + meant.dump().substr(0, 2000);
  return 0;
} catch (const std::exception& error) {
  problem = error.what();
  return 0;
}
}
