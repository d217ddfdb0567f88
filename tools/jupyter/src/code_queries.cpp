#include "code_queries.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "failure_content.hpp"
#include "utf8_text.hpp"

namespace oast::jupyter {
namespace {

/// Bytes of the code before the cursor, which Jupyter counts in code points; without one, all.
std::size_t cursor_of(const Json& content, const std::string& code) {
  const auto position = integer_at(content, "cursor_pos", -1);
  return position < 0 ? code.size() : byte_offset(code, static_cast<std::size_t>(position));
}

void end(const SharedExchange& exchange, const char* type, Json content) {
  exchange->reply(type, std::move(content));
  exchange->end();
}

/// Does `answer` with the result, or replies that it failed.
template <class T, class Answer>
KernelClient::OnResult<T> answered(const SharedExchange& exchange, const char* type,
                                   Answer answer) {
  return [exchange, type, answer](KernelClient::Result<T> result) {
    Json content;
    if (const auto* failure = std::get_if<Failure>(&result)) {
      content = error_content(*failure);
      content["status"] = "error";
    } else {
      content = answer(std::get<T>(result));
    }
    end(exchange, type, std::move(content));
  };
}

}  // namespace

void complete(KernelClient& kernel, const SharedExchange& exchange) {
  exchange->begin();
  const std::string code = text_at(exchange->content(), "code");
  const std::size_t cursor = cursor_of(exchange->content(), code);
  kernel.complete(code, cursor,
                  answered<Completions>(exchange, "complete_reply", [code](const Completions& c) {
                    return Json{{"matches", c.matches},
                                {"cursor_start", code_points(code, c.start)},
                                {"cursor_end", code_points(code, c.end)},
                                {"metadata", Json::object()}};
                  }));
}

void inspect(KernelClient& kernel, const SharedExchange& exchange) {
  exchange->begin();
  const std::string code = text_at(exchange->content(), "code");
  const std::size_t cursor = cursor_of(exchange->content(), code);
  const auto detail =
      std::clamp<std::int64_t>(integer_at(exchange->content(), "detail_level", 0), 0, 1);
  kernel.inspect(code, cursor, static_cast<int>(detail),
                 answered<std::optional<std::string>>(exchange, "inspect_reply",
                                                      [](const std::optional<std::string>& text) {
                                                        Json data = Json::object();
                                                        if (text) data["text/plain"] = *text;
                                                        return Json{{"found", text.has_value()},
                                                                    {"data", std::move(data)},
                                                                    {"metadata", Json::object()}};
                                                      }));
}

void is_complete(KernelClient& kernel, const SharedExchange& exchange) {
  exchange->begin();
  kernel.is_complete(
      text_at(exchange->content(), "code"), [exchange](KernelClient::Result<Completeness> result) {
        Json content{{"status", "unknown"}};
        if (const auto* found = std::get_if<Completeness>(&result)) {
          constexpr const char* kStatus[] = {"complete", "incomplete", "invalid", "unknown"};
          content["status"] = kStatus[static_cast<std::size_t>(found->status)];
          if (found->status == CodeStatus::incomplete) content["indent"] = found->indent;
        }
        end(exchange, "is_complete_reply", std::move(content));
      });
}

}  // namespace oast::jupyter
