#include "top_frame.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "kernel_text.hpp"
#include "table.hpp"
#include "terminal_text.hpp"

namespace oast::cli {
namespace {

int urgency(KernelState state) {
  switch (state) {
    case KernelState::unresponsive:
      return 0;
    case KernelState::busy:
      return 1;
    case KernelState::starting:
      return 2;
    case KernelState::stopping:
      return 3;
    case KernelState::idle:
      return 4;
    case KernelState::dead:
      return 5;
  }
  return 6;
}

std::string percent_text(std::optional<double> percent) {
  if (!percent) return "-";
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%.0f %%", *percent);
  return text.data();
}

Style style_of(KernelState state) {
  switch (state) {
    case KernelState::unresponsive:
      return Style::red;
    case KernelState::busy:
      return Style::green;
    case KernelState::starting:
    case KernelState::stopping:
      return Style::yellow;
    case KernelState::idle:
      return Style::plain;
    case KernelState::dead:
      return Style::dim;
  }
  return Style::plain;
}

std::string counts_text(const std::vector<const Kernels::Row*>& rows) {
  std::array<std::size_t, 6> counts{};
  std::size_t living = 0;
  for (const auto* row : rows) {
    ++counts.at(static_cast<std::size_t>(row->info.state));
    living += row->info.state != KernelState::dead ? 1 : 0;
  }
  std::string text = std::to_string(living) + (living == 1 ? " kernel" : " kernels");
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts.at(i) == 0) continue;
    text += ", " + std::to_string(counts.at(i)) + " " +
            std::string(to_string(static_cast<KernelState>(i)));
  }
  return text;
}

std::string totals_text(const std::vector<const Kernels::Row*>& rows) {
  std::uint64_t queued = 0;
  std::uint64_t rss = 0;
  double percent = 0;
  for (const auto* row : rows) {
    if (row->info.state == KernelState::dead) continue;
    queued += row->info.queued;
    rss += row->info.rss_bytes;
    percent += row->cpu_percent.value_or(0);
  }
  return "queued " + std::to_string(queued) + "   rss " + bytes_text(rss) + "   cpu " +
         percent_text(percent);
}

Table make_table(const std::vector<const Kernels::Row*>& rows) {
  Table table({{"ID", true},
               {"NAME"},
               {"STATE"},
               {"CPU", true},
               {"REQUEST"},
               {"QUEUED", true},
               {"RSS", true},
               {"HEARTBEAT", true},
               {"AGE", true},
               {"OWNER", true},
               {"PID", true}});
  for (const auto* row : rows) {
    const KernelInfo& kernel = row->info;
    const bool dead = kernel.state == KernelState::dead;
    table.add({std::to_string(kernel.id.value), kernel.name, state_text(kernel),
               dead ? "-" : percent_text(row->cpu_percent), request_text(kernel),
               std::to_string(kernel.queued), rss_text(kernel), dead ? "-" : heartbeat_text(kernel),
               duration_text(static_cast<double>(kernel.age_ms) / 1000), owner_text(kernel),
               std::to_string(kernel.pid)});
  }
  return table;
}

}  // namespace

void Kernels::update(const KernelInfo& info, Clock::time_point now) {
  const auto [found, fresh] = rows_.try_emplace(info.id.value, Row{info, std::nullopt, now});
  Row& row = found->second;
  const double seconds = std::chrono::duration<double>(now - row.sampled).count();
  // Figures come with heartbeats; what comes between them repeats the old ones.
  constexpr double kLeast = 0.2;
  if (!fresh && seconds >= kLeast && info.cpu_seconds != row.info.cpu_seconds) {
    row.cpu_percent = 100 * (info.cpu_seconds - row.info.cpu_seconds) / seconds;
    row.sampled = now;
  } else if (!fresh && seconds > 2) {
    row.cpu_percent = 0;
    row.sampled = now;
  }
  row.info = info;
  if (info.state == KernelState::dead && !row.died) row.died = now;
}

void Kernels::replace(const std::vector<KernelInfo>& all, Clock::time_point now) {
  for (const KernelInfo& info : all) {
    if (info.state != KernelState::dead || rows_.contains(info.id.value)) update(info, now);
  }
  constexpr auto kMourned = std::chrono::seconds(5);
  std::erase_if(rows_, [&](const auto& row) {
    if (row.second.died && now - *row.second.died > kMourned) return true;
    return std::none_of(all.begin(), all.end(),
                        [&](const KernelInfo& info) { return info.id.value == row.first; });
  });
}

std::vector<const Kernels::Row*> Kernels::sorted() const {
  std::vector<const Row*> rows;
  for (const auto& [id, row] : rows_) rows.push_back(&row);
  std::stable_sort(rows.begin(), rows.end(), [](const Row* a, const Row* b) {
    const int ua = urgency(a->info.state);
    const int ub = urgency(b->info.state);
    if (ua != ub) return ua < ub;
    // As it is shown: rows that look the same keep their places.
    return std::lround(a->cpu_percent.value_or(0)) > std::lround(b->cpu_percent.value_or(0));
  });
  return rows;
}

std::vector<std::string> top_frame(const Kernels& kernels, const std::string& broker,
                                   const std::optional<WindowSize>& window) {
  const auto rows = kernels.sorted();
  const std::size_t width = window ? window->columns : 0;
  const auto fit = [&](const std::string& text) { return width ? shorten(text, width) : text; };
  std::vector<std::string> lines{
      styled(out(), Style::bold,
             fit("oast top   " + printable(broker) + (width ? "   q quits" : ""))),
      fit(counts_text(rows)), fit(totals_text(rows)), ""};
  auto table = make_table(rows).lines(width);
  for (std::size_t i = 0; i < table.size(); ++i) {
    const Style style = i == 0 ? Style::bold : style_of(rows[i - 1]->info.state);
    lines.push_back(styled(out(), style, table[i]));
  }
  if (window && lines.size() > window->rows) {
    const std::size_t hidden = lines.size() - window->rows + 1;
    lines.resize(window->rows - 1);
    lines.push_back(fit(std::to_string(hidden) + " more: make the window higher"));
  }
  return lines;
}

}  // namespace oast::cli
