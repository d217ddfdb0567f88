// `oast jupyter doctor`: what is wrong with an installation, and what would mend it.
#pragma once

namespace oast::cli {

/// Looks at the bridge, at every kernelspec that starts one, and whether its kernel starts; prints
/// a line for each. Blocks. 0 when all is well, else 1.
int examine_jupyter();

}  // namespace oast::cli
