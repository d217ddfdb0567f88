// The whole terminal, for a while.
#pragma once

#include <termios.h>

#include <string>
#include <vector>

namespace oast::cli {

/// Takes over the terminal behind stdin and stdout: a screen of its own without a cursor, keys as
/// they are pressed, Ctrl-C among them. Gives it back as it was when destroyed.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Shows the lines from the top, each at most as wide as the window.
  void show(const std::vector<std::string>& lines);
  /// The keys that were pressed. Does not block. A closed terminal counts as 'q'.
  std::string keys();

 private:
  termios saved_{};
  bool changed_ = false;
};

}  // namespace oast::cli
