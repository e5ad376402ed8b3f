#include "training/cpu_limit.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/testing/files.h"

namespace distill {
namespace {

class CpuLimitTest : public ::testing::Test {
 protected:
  void Groups(const std::string& text) {
    testing::WriteFile(folder_.File("proc/self/cgroup"), text);
  }
  void File(const std::string& name, const std::string& text) {
    testing::WriteFile(folder_.File("sys/fs/cgroup/" + name), text);
  }
  int Limit() const { return CpuLimit(folder_.path()); }
  testing::TempFolder folder_;
};

TEST_F(CpuLimitTest, IsTheQuotaOverThePeriodRoundedUp) {
  Groups("0::/\n");
  File("cpu.max", "150000 100000\n");
  EXPECT_EQ(Limit(), 2);
  File("cpu.max", "50000 100000\n");
  EXPECT_EQ(Limit(), 1);
  File("cpu.max", "400000 100000\n");
  EXPECT_EQ(Limit(), 4);
}

TEST_F(CpuLimitTest, TheLeastOfAllGroupsAboveCounts) {
  Groups("0::/a.slice/b\n");
  File("a.slice/b/cpu.max", "max 100000\n");
  EXPECT_EQ(Limit(), 0);
  File("a.slice/cpu.max", "300000 100000\n");
  EXPECT_EQ(Limit(), 3);
  File("a.slice/b/cpu.max", "700000 100000\n");
  EXPECT_EQ(Limit(), 3);
}

TEST_F(CpuLimitTest, OfVersionOne) {
  Groups("9:memory:/x\n4:cpu,cpuacct:/x\n3:cpuset:/\n");
  File("cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
  File("cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Limit(), 0);
  File("cpu,cpuacct/x/cpu.cfs_quota_us", "200000\n");
  EXPECT_EQ(Limit(), 2);
}

TEST_F(CpuLimitTest, WithoutAnythingToReadThereIsNone) {
  EXPECT_EQ(Limit(), 0);
  for (const char* text : {"", "nonsense", "0::", "0::relative", ":::::\n"}) {
    Groups(text);
    EXPECT_EQ(Limit(), 0) << text;
  }
  Groups("0::/\n");
  for (const char* text : {"", "max", "1 2 3", "100 0", "nan 1", "-5 10"}) {
    File("cpu.max", text);
    EXPECT_EQ(Limit(), 0) << text;
  }
}

}  // namespace
}  // namespace distill
