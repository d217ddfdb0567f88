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

}  // namespace oast::cli
