// `oast jupyter run`: a notebook without a server.
#pragma once

namespace oast::jupyter {

/// Runs the program's command line from the word "run" on. Blocks; gives the exit code.
int run_notebook(int argc, char** argv);

}  // namespace oast::jupyter
