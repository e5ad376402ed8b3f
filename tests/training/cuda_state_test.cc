#include "training/cuda_state.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace distill {
namespace {

CudaDevice Card(int major, int minor) {
  CudaDevice device;
  device.major = major;
  device.minor = minor;
  return device;
}

TEST(HasCodeForTest, MachineCodeRunsOnLaterMinorVersionsOnly) {
  const std::vector<int> built = {80, 90, 120};
  EXPECT_TRUE(HasCodeFor(built, Card(8, 0)));
  EXPECT_TRUE(HasCodeFor(built, Card(8, 9)));
  EXPECT_TRUE(HasCodeFor(built, Card(9, 0)));
  EXPECT_FALSE(HasCodeFor(built, Card(7, 5)));
  EXPECT_FALSE(HasCodeFor(built, Card(10, 0)));
  EXPECT_TRUE(HasCodeFor(built, Card(12, 1)));
  // By the last one's PTX.
  EXPECT_TRUE(HasCodeFor(built, Card(13, 0)));
  EXPECT_FALSE(HasCodeFor({}, Card(9, 0)));
}

TEST(CudaNamesTest, AreAsPeopleWriteThem) {
  EXPECT_EQ(ArchitectureNames({80, 90, 120}), "8.0, 9.0, 12.0");
  EXPECT_EQ(CudaVersionName(13000), "13.0");
  EXPECT_EQ(CudaVersionName(12080), "12.8");
}

TEST(WhyNoDeviceTest, TellsTheReasonsApart) {
  CudaState state;
  state.built = true;
  state.runtime_version = 13000;
  EXPECT_NE(internal::WhyNoDevice(state, true, "").find("NVIDIA driver"),
            std::string::npos);
  state.driver_version = 12040;
  const std::string old = internal::WhyNoDevice(state, true, "");
  EXPECT_NE(old.find("12.4"), std::string::npos) << old;
  EXPECT_NE(old.find("13.0"), std::string::npos) << old;
  EXPECT_NE(old.find("newer driver"), std::string::npos) << old;
  setenv("CUDA_VISIBLE_DEVICES", "7", 1);
  const std::string hidden = internal::WhyNoDevice(state, false, "");
  EXPECT_NE(hidden.find("sees no device"), std::string::npos) << hidden;
  EXPECT_NE(hidden.find("CUDA_VISIBLE_DEVICES is \"7\""), std::string::npos);
  unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_NE(internal::WhyNoDevice(state, false, "odd").find("\"odd\""),
            std::string::npos);
}

TEST(QueryCudaTest, HasDevicesOrAReason) {
  const CudaState& state = QueryCuda();
  EXPECT_EQ(state.devices.empty(), !state.why_not.empty());
  EXPECT_EQ(state.built, !state.architectures.empty());
}

}  // namespace
}  // namespace distill
