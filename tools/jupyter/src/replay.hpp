// oast jupyter replay: what a kernel has said, told again.
#pragma once

namespace oast::jupyter {

/// Of the command line behind `oast-jupyter`; gives the exit code.
int replay(int argc, char** argv);

}  // namespace oast::jupyter
