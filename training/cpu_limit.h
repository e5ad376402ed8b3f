// How much processor time a container leaves to the process.
#ifndef DISTILL_TRAINING_CPU_LIMIT_H_
#define DISTILL_TRAINING_CPU_LIMIT_H_

#include <string>

namespace distill {

// Processors' worth of time that the process's control groups grant it, rounded
// up: of a limit of 1.5 processors, 2. The least of its group's and all groups'
// above; 0 if none has a limit or none can be read. Of version 2 (cpu.max; see
// Documentation/admin-guide/cgroup-v2.rst in the Linux kernel's sources) and
// version 1 (cpu.cfs_quota_us).
//
// `root` is put before /proc and /sys: for tests.
int CpuLimit(const std::string& root = "");

}  // namespace distill

#endif  // DISTILL_TRAINING_CPU_LIMIT_H_
