#include <dirent.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <unordered_map>

#include "kit/telemetry.hpp"
#include "kit/telemetry_parts.hpp"

namespace souk::telemetry {

namespace {

struct counter_of final : counter {
  explicit counter_of(prometheus::Counter& c) : inner(c) {}
  void add(double amount) override { inner.Increment(amount); }
  prometheus::Counter& inner;
};
struct gauge_of final : gauge {
  explicit gauge_of(prometheus::Gauge& g) : inner(g) {}
  void set(double value) override { inner.Set(value); }
  void add(double amount) override { inner.Increment(amount); }
  prometheus::Gauge& inner;
};
struct histogram_of final : histogram {
  explicit histogram_of(prometheus::Histogram& h) : inner(h) {}
  void observe(double value) override { inner.Observe(value); }
  prometheus::Histogram& inner;
};

// Ours around those of prometheus-cpp, which gives the same object for the same name and labels.
template <class Ours, class Theirs>
class wrappers {
 public:
  Ours& of(Theirs& inner) {
    const std::lock_guard lock(mutex_);
    auto& slot = made_[&inner];
    if (!slot) slot = std::make_unique<Ours>(inner);
    return *slot;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<Theirs*, std::unique_ptr<Ours>> made_;
};

struct metrics {
  prometheus::Registry registry;
  wrappers<counter_of, prometheus::Counter> counters;
  wrappers<gauge_of, prometheus::Gauge> gauges;
  wrappers<histogram_of, prometheus::Histogram> histograms;
};

metrics& the_metrics() {
  static metrics& all = *new metrics;  // never destroyed: references are kept everywhere
  return all;
}

prometheus::Labels to_labels(const labels& l) {
  return {l.begin(), l.end()};
}

const prometheus::Histogram::BucketBoundaries duration_buckets{
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

void append(std::vector<prometheus::MetricFamily>& to, std::string name, std::string help,
            prometheus::MetricType type, double value) {
  prometheus::ClientMetric m;
  if (type == prometheus::MetricType::Counter) {
    m.counter.value = value;
  } else {
    m.gauge.value = value;
  }
  to.push_back({.name = std::move(name), .help = std::move(help), .type = type, .metric = {m}});
}

double process_start_time() {
  // The name in field 2 may contain blanks; what follows its ")" doesn't. The start is field 22, in
  // ticks since the machine started.
  std::ifstream file("/proc/self/stat");
  const std::string stat{std::istreambuf_iterator<char>(file), {}};
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  fields >> ticks;
  const auto seconds = [](clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
  };
  return seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) +
         ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double open_files() {
  DIR* dir = ::opendir("/proc/self/fd");
  if (!dir) return 0;
  double n = 0;
  while (const dirent* e = ::readdir(dir)) n += e->d_name[0] != '.';
  ::closedir(dir);
  return n - 1;  // without the one that reads
}

// What is asked for when it is scraped, not counted.
std::vector<prometheus::MetricFamily> collect_process() {
  using enum prometheus::MetricType;
  std::vector<prometheus::MetricFamily> out;
  double pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  append(out, "process_virtual_memory_bytes", "Virtual memory", Gauge, pages * page);
  append(out, "process_resident_memory_bytes", "Resident memory", Gauge, resident * page);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  append(out, "process_cpu_seconds_total", "CPU time, user and system", Counter,
         seconds(usage.ru_utime) + seconds(usage.ru_stime));
  append(out, "process_open_fds", "Open file descriptors", Gauge, open_files());
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  append(out, "process_max_fds", "Limit of open file descriptors", Gauge,
         static_cast<double>(limit.rlim_cur));
  static const double started = process_start_time();
  append(out, "process_start_time_seconds", "Start of the process, seconds since 1970", Gauge,
         started);
  append(out, "souk_log_lines_dropped_total", "Log lines dropped because nobody read them", Counter,
         static_cast<double>(log_lines_dropped()));
  append(out, "souk_spans_dropped_total", "Spans dropped because the receiver did not take them",
         Counter, static_cast<double>(spans_dropped()));
  return out;
}

}  // namespace

counter& get_counter(std::string_view name, std::string_view help, const labels& l) {
  metrics& all = the_metrics();
  return all.counters.of(prometheus::BuildCounter()
                             .Name(std::string(name))
                             .Help(std::string(help))
                             .Register(all.registry)
                             .Add(to_labels(l)));
}

gauge& get_gauge(std::string_view name, std::string_view help, const labels& l) {
  metrics& all = the_metrics();
  return all.gauges.of(prometheus::BuildGauge()
                           .Name(std::string(name))
                           .Help(std::string(help))
                           .Register(all.registry)
                           .Add(to_labels(l)));
}

histogram& get_histogram(std::string_view name, std::string_view help, const labels& l) {
  metrics& all = the_metrics();
  return all.histograms.of(prometheus::BuildHistogram()
                               .Name(std::string(name))
                               .Help(std::string(help))
                               .Register(all.registry)
                               .Add(to_labels(l), duration_buckets));
}

std::string metrics_text() {
  auto families = the_metrics().registry.Collect();
  auto process = collect_process();
  families.insert(families.end(), std::move_iterator(process.begin()),
                  std::move_iterator(process.end()));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

void start_metrics(const settings& s) {
  get_gauge("souk_build_info", "Always 1; the labels tell what runs",
            {{"service", s.service}, {"version", s.version}})
      .set(1);
}

}  // namespace souk::telemetry
