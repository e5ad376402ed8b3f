#include "training/device.h"

#include <string>

#include "ATen/Parallel.h"
#include "gtest/gtest.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

TEST(ResolveComputeTest, CpuIsTheCpu) {
  const auto compute = ResolveCompute("cpu", "f32", 0);
  ASSERT_TRUE(compute.ok()) << compute.status();
  EXPECT_TRUE(compute->device.is_cpu());
  EXPECT_EQ(compute->device_name, "cpu");
  EXPECT_EQ(compute->dtype, at::kFloat);
  EXPECT_EQ(compute->precision_name, "f32");
  EXPECT_EQ(compute->threads, at::get_num_threads());
}

TEST(ResolveComputeTest, SetsTheThreads) {
  const int before = at::get_num_threads();
  const auto compute = ResolveCompute("cpu", "f32", 3);
  ASSERT_TRUE(compute.ok());
  EXPECT_EQ(at::get_num_threads(), 3);
  EXPECT_NE(compute->description.find("3 threads"), std::string::npos);
  at::set_num_threads(before);
}

TEST(ResolveComputeTest, PrecisionIsWhatWasAskedFor) {
  EXPECT_EQ(ResolveCompute("cpu", "bf16", 0)->dtype, at::kBFloat16);
  const auto automatic = ResolveCompute("cpu", "auto", 0);
  EXPECT_EQ(automatic->precision_name,
            automatic->dtype == at::kBFloat16 ? "bf16" : "f32");
}

TEST(ResolveComputeTest, NeverFallsBackUnlessAskedTo) {
  const CudaState cuda = QueryCuda();
  if (cuda.devices > 0) GTEST_SKIP() << "CUDA works here";
  EXPECT_NE(cuda.why_not, "");
  for (const char* device : {"cuda", "cuda:0", "cuda:3"}) {
    EXPECT_TRUE(FailsWith(ResolveCompute(device, "auto", 0).status(),
                          absl::StatusCode::kUnavailable,
                          {"CUDA is missing", cuda.why_not, "--device=cpu"}));
  }
  EXPECT_TRUE(ResolveCompute("auto", "auto", 0)->device.is_cpu());
}

TEST(ResolveComputeTest, RefusesOtherWords) {
  for (const char* device :
       {"gpu", "", "cuda:", "cuda:-1", "cuda:x", "cuda0", "CPU"}) {
    EXPECT_TRUE(FailsWith(ResolveCompute(device, "auto", 0).status(),
                          absl::StatusCode::kInvalidArgument,
                          {"--device", std::string("\"") + device + "\""}));
  }
  EXPECT_TRUE(FailsWith(ResolveCompute("cpu", "fp16", 0).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--precision", "\"fp16\"", "bf16"}));
  for (int threads : {-1, 1025}) {
    EXPECT_TRUE(FailsWith(ResolveCompute("cpu", "f32", threads).status(),
                          absl::StatusCode::kInvalidArgument,
                          {"--threads", std::to_string(threads)}));
  }
}

}  // namespace
}  // namespace distill
