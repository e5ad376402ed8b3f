#include "cli/doctor.h"

#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/process.h"

namespace distill {
namespace {

using internal::Finding;
using internal::JudgeCuda;
using testing::ProgramPath;
using testing::RunInShell;

std::string Last(const std::vector<Finding>& findings) {
  return findings.back().text;
}

CudaState CudaBuild() {
  CudaState cuda;
  cuda.built = true;
  cuda.runtime_version = 13000;
  cuda.architectures = {80, 90};
  return cuda;
}

TEST(JudgeCudaTest, ACpuBuildIsAsItShouldBe) {
  const auto alone = JudgeCuda(CudaState(), /*driver_installed=*/false);
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_TRUE(alone[0].good);
  EXPECT_NE(alone[0].text.find("CPU build"), std::string::npos);
  const auto with_driver = JudgeCuda(CudaState(), /*driver_installed=*/true);
  EXPECT_TRUE(with_driver[0].good);
  EXPECT_NE(with_driver[0].text.find("--config=cuda"), std::string::npos);
}

TEST(JudgeCudaTest, SaysWhyThereIsNoDevice) {
  CudaState cuda = CudaBuild();
  cuda.why_not = "the reason";
  const auto findings = JudgeCuda(cuda, false);
  EXPECT_FALSE(findings.back().good);
  EXPECT_NE(Last(findings).find("the reason"), std::string::npos);
  EXPECT_NE(Last(findings).find("--device=cpu"), std::string::npos);
}

TEST(JudgeCudaTest, KnowsACardWithoutKernelImage) {
  CudaState cuda = CudaBuild();
  cuda.driver_version = 13000;
  CudaDevice device;
  device.name = "Some card";
  device.major = 9;
  cuda.devices.push_back(device);
  EXPECT_TRUE(JudgeCuda(cuda, true).back().good);
  cuda.devices[0].major = 7;
  const auto findings = JudgeCuda(cuda, true);
  EXPECT_FALSE(findings.back().good);
  EXPECT_NE(Last(findings).find("no kernel image"), std::string::npos);
}

TEST(DoctorTest, ChecksDataAndConvolutionsForReal) {
  const auto result = RunInShell("'" + ProgramPath("cli/doctor") + "' 2>&1");
  for (const char* text :
       {"LibTorch:     2.", "libtorch_cpu.so", "cpu in f32: right",
        "cpu in bf16: right", "MNIST, 60,000 images", "MNIST, 10,000 images"}) {
    EXPECT_NE(result.out.find(text), std::string::npos)
        << text << " is not in\n"
        << result.out;
  }
  // A CUDA build without a GPU says so, and nothing else may be wrong.
  const bool well = QueryCuda().built == !QueryCuda().devices.empty();
  EXPECT_EQ(result.exit_code, well ? 0 : 1) << result.out;
}

// Before main() a program puts a setting for libgomp in a variable's place.
TEST(DoctorTest, SeesTheEnvironmentThatItsUserMade) {
  testing::TempFolder folder;
  testing::WriteFile(folder.File("nvcc"), "");
  const auto result = RunInShell("/usr/bin/env -i PATH='" + folder.path() +
                                 "' '" + ProgramPath("cli/doctor") + "' 2>&1");
  EXPECT_NE(result.out.find(folder.File("nvcc")), std::string::npos)
      << result.out;
}

TEST(DoctorTest, NamesMissingData) {
  const testing::TempFolder folder;
  const auto result = RunInShell("'" + ProgramPath("cli/doctor") +
                                 "' --data_dir='" + folder.path() + "' 2>&1");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.out.find("BAD  training set: "), std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find(folder.path()), std::string::npos) << result.out;
}

}  // namespace
}  // namespace distill
