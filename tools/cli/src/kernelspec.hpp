// Kernelspecs: how Jupyter's frontends find a kernel.
#pragma once

#include <filesystem>
#include <string>

#include "oast/broker.hpp"

namespace oast::cli {

/// kernel.json for a spec of oast; `bridge` is the path of oast-jupyter.
/// Source: "Kernel specs" in jupyter_client's documentation.
std::string kernelspec_text(const SpecInfo& spec, const std::filesystem::path& bridge);

/// The name that `jupyter kernelspec list` shows: "oast-lua".
std::string kernelspec_name(const SpecInfo& spec);

/// Where kernelspecs of a user are: $JUPYTER_DATA_DIR/kernels, or below $XDG_DATA_HOME/jupyter or
/// ~/.local/share/jupyter. Throws std::runtime_error without a home.
std::filesystem::path user_kernelspecs();

/// Writes it to `kernels`/NAME/kernel.json, in place of what was there; the path. Throws
/// std::system_error.
std::filesystem::path write_kernelspec(const std::filesystem::path& kernels, const SpecInfo& spec,
                                       const std::filesystem::path& bridge);

}  // namespace oast::cli
