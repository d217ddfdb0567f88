// What `--json` prints.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "oast/broker.hpp"
#include "oast/error.hpp"
#include "oast/evaluator.hpp"
#include "oast/value.hpp"

namespace oast::cli {

/// Keeps members in the order in which they are added.
using Json = nlohmann::ordered_json;

/// nil, booleans, numbers, strings and lists are themselves, except
/// float    {"float": "inf"}, "-inf" or "nan" for what JSON's numbers cannot say
/// bytes    {"bytes_base64": "..."}
/// map      an object when all keys are strings, else {"map": [[key, value], ...]}
/// tensor   {"tensor": {"dtype", "shape", "data"}}, the data flat and only up to 1000 elements;
///          complex numbers as [real, imaginary]
/// error    {"error": {"kind", "type", "message", "traceback"}}
/// native   {"native": {"format", "bytes"}}, the number of bytes only
Json to_json(const Value& value);

/// {"cause", "exit_code", "signal", "signal_name", "explanation", "stderr_tail"}; null for what
/// does not apply.
Json to_json(const Death& death);

/// {"id","name","spec","state","pid","owner","detached","request","queued","rss_bytes",
/// "cpu_seconds","heartbeat_ms","age_s"}, and "death" when it is dead. null: no owner, no request,
/// no heartbeat yet.
Json to_json(const KernelInfo& info);

Json to_json(const SpecInfo& spec);

/// [{"stream": "out", "text": "..."}, ...]; a display has "parts", {MIME type: value}.
Json to_json(const std::vector<Output>& outputs);

/// Rounded to three decimals: milliseconds and seconds have no more to say.
double to_thousandths(double number);

/// One line, without its newline. Bytes that are no UTF-8 are replaced by U+FFFD.
std::string dump(const Json& json);

std::string base64(std::string_view bytes);

}  // namespace oast::cli
