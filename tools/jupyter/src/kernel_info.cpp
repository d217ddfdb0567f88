#include "kernel_info.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "message.hpp"
#include "version.hpp"

namespace oast::jupyter {
namespace {

std::string title(const SpecInfo& spec) {
  return spec.display_name.empty() ? spec.name : spec.display_name;
}

Json python_info(bool ipython, const std::string& version) {
  const std::string major = version.substr(0, version.find('.'));
  return {{"mimetype", "text/x-python"},
          {"file_extension", ".py"},
          {"pygments_lexer", ipython ? "ipython3" : "python3"},
          {"nbconvert_exporter", "python"},
          {"codemirror_mode",
           {{"name", ipython ? "ipython" : "python"}, {"version", major == "2" ? 2 : 3}}}};
}

Json language_info(const SpecInfo& spec, const std::string& version) {
  Json info = Json::object();
  if (spec.language == "python") {
    info = python_info(spec.name == "ipython", version);
  } else if (spec.language == "lua") {
    info = {{"mimetype", "text/x-lua"},
            {"file_extension", ".lua"},
            {"pygments_lexer", "lua"},
            {"codemirror_mode", "lua"}};
  } else if (spec.language == "julia") {
    info = {{"mimetype", "application/julia"},
            {"file_extension", ".jl"},
            {"pygments_lexer", "julia"},
            {"codemirror_mode", "julia"}};
  } else {
    info = {{"mimetype", "text/plain"}, {"file_extension", ".txt"}};
  }
  info["name"] = spec.language.empty() ? spec.name : spec.language;
  info["version"] = version;
  return info;
}

}  // namespace

std::string language_version(Worker& worker, const std::string& language) {
  const EvalOptions options{.timeout = std::chrono::seconds(10)};
  try {
    if (language == "python")  // a call, so that it is no cell
      return worker.remote_call_fetch<std::string>("platform.python_version", {}, options);
    if (language == "lua")
      return worker.remote_eval_fetch<std::string>("return _VERSION:match('%d.*')", options);
    if (language == "julia")
      return worker.remote_eval_fetch<std::string>("string(VERSION)", options);
  } catch (const Error&) {
    // Frontends can do without.
  }
  return "";
}

Json kernel_info(const SpecInfo& spec, const std::string& version) {
  std::string name = title(spec);
  if (name.find(version) == std::string::npos) name += " " + version;
  Json features = Json::array();
  if (std::ranges::count(spec.features, "lanes") > 0) features.push_back("kernel subshells");
  return {{"status", "ok"},
          {"protocol_version", kProtocolVersion},
          {"implementation", "oast"},
          {"implementation_version", cli::kVersionText},
          {"language_info", language_info(spec, version)},
          {"banner", name + ", a kernel of oast " + cli::kVersionText},
          {"debugger", false},
          {"help_links", Json::array()},
          {"supported_features", std::move(features)}};
}

}  // namespace oast::jupyter
