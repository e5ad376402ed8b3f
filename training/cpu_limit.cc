#include "training/cpu_limit.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace distill {
namespace {

// The numbers in a file's first line; none for "max" and for no file.
std::vector<double> NumbersIn(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::vector<double> numbers;
  for (absl::string_view word : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
    double number = 0;
    if (absl::SimpleAtod(word, &number)) numbers.push_back(number);
  }
  return numbers;
}

// Of one group's folder; 0 if it has no limit.
double LimitIn(const std::string& folder) {
  std::vector<double> quota_and_period = NumbersIn(folder + "/cpu.max");
  if (quota_and_period.size() != 2) {
    quota_and_period = NumbersIn(folder + "/cpu.cfs_quota_us");
    for (double period : NumbersIn(folder + "/cpu.cfs_period_us")) {
      quota_and_period.push_back(period);
    }
  }
  // Version 1 has a quota of -1 for none.
  return quota_and_period.size() == 2 && quota_and_period[0] > 0 &&
                 quota_and_period[1] > 0
             ? quota_and_period[0] / quota_and_period[1]
             : 0;
}

bool NamesCpu(absl::string_view controllers) {
  for (absl::string_view name : absl::StrSplit(controllers, ',')) {
    if (name == "cpu") return true;
  }
  return false;
}

}  // namespace

int CpuLimit(const std::string& root) {
  double least = 0;
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    // "0::/path" of version 2, "4:cpu,cpuacct:/path" of version 1.
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || parts[2].rfind('/', 0) != 0 ||
        (!parts[1].empty() && !NamesCpu(parts[1]))) {
      continue;
    }
    const std::string base =
        root + "/sys/fs/cgroup" + (parts[1].empty() ? "" : "/" + parts[1]);
    std::string path = parts[2] == "/" ? "" : parts[2];
    for (;;) {
      const double limit = LimitIn(base + path);
      if (limit > 0 && (least == 0 || limit < least)) least = limit;
      if (path.empty()) break;
      path.resize(path.find_last_of('/'));
    }
  }
  return static_cast<int>(std::ceil(std::min(least, 1e6)));
}

}  // namespace distill
