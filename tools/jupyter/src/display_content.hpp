// What code displays, as Jupyter has it.
#pragma once

#include "json.hpp"
#include "oast/evaluator.hpp"

namespace oast::jupyter {

/// The type of what is no display but something that the frontend shall do, as its only part.
inline constexpr const char* kPayloadMime = "application/vnd.jupyter.payload+json";

/// data, metadata and transient of display_data. Text stays text, JSON becomes JSON, and bytes
/// become base64.
Json display_content(const Output& display);

}  // namespace oast::jupyter
