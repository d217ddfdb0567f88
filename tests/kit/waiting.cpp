#include "waiting.hpp"

#include <thread>

namespace oast::test {

void eventually(const std::function<bool()>& fact, const char* what) {
  const auto deadline = std::chrono::steady_clock::now() + kGenerous;
  while (!fact()) {
    INFO("waited for: " << what);
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace oast::test
