#include "training/device.h"

#include <string>

#include "ATen/Parallel.h"
#include "gtest/gtest.h"
#include "models/gpu_kernels.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

absl::StatusOr<Compute> Resolve(const std::string& device,
                                const std::string& precision, int threads) {
  ComputeOptions options;
  options.device = device;
  options.precision = precision;
  options.threads = threads;
  return ResolveCompute(options);
}

TEST(ResolveComputeTest, CpuIsTheCpu) {
  const auto compute = Resolve("cpu", "f32", 0);
  ASSERT_TRUE(compute.ok()) << compute.status();
  EXPECT_TRUE(compute->device.is_cpu());
  EXPECT_EQ(compute->device_name, "cpu");
  EXPECT_EQ(compute->dtype, at::kFloat);
  EXPECT_EQ(compute->precision_name, "f32");
  EXPECT_EQ(compute->threads, at::get_num_threads());
}

TEST(ResolveComputeTest, SetsTheThreads) {
  const int before = at::get_num_threads();
  const auto compute = Resolve("cpu", "f32", 3);
  ASSERT_TRUE(compute.ok());
  EXPECT_EQ(at::get_num_threads(), 3);
  EXPECT_NE(compute->description.find("3 threads"), std::string::npos);
  at::set_num_threads(before);
}

TEST(ResolveComputeTest, PrecisionIsWhatWasAskedFor) {
  EXPECT_EQ(Resolve("cpu", "bf16", 0)->dtype, at::kBFloat16);
  const auto automatic = Resolve("cpu", "auto", 0);
  EXPECT_EQ(automatic->precision_name,
            automatic->dtype == at::kBFloat16 ? "bf16" : "f32");
}

TEST(ResolveComputeTest, ChoosesTheGpusKernels) {
  ComputeOptions options;
  options.device = "cpu";
  options.gpu_kernels = "own";
  ASSERT_TRUE(ResolveCompute(options).ok());
  EXPECT_EQ(ChosenGpuKernels(), GpuKernels::kOwn);
  options.gpu_kernels = "mine";
  EXPECT_TRUE(FailsWith(ResolveCompute(options).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--gpu_kernels", "mine", "libtorch or own"}));
  ASSERT_TRUE(Resolve("cpu", "f32", 0).ok());
  EXPECT_EQ(ChosenGpuKernels(), GpuKernels::kLibTorch);
}

TEST(ResolveComputeTest, NeverFallsBackUnlessAskedTo) {
  const CudaState& cuda = QueryCuda();
  if (!cuda.devices.empty()) GTEST_SKIP() << "CUDA works here";
  EXPECT_NE(cuda.why_not, "");
  for (const char* device : {"cuda", "cuda:0", "cuda:3"}) {
    EXPECT_TRUE(FailsWith(Resolve(device, "auto", 0).status(),
                          absl::StatusCode::kUnavailable,
                          {"CUDA is missing", cuda.why_not, "--device=cpu"}));
  }
  EXPECT_TRUE(Resolve("auto", "auto", 0)->device.is_cpu());
}

TEST(ResolveComputeTest, RefusesOtherWords) {
  for (const char* device :
       {"gpu", "", "cuda:", "cuda:-1", "cuda:x", "cuda0", "CPU"}) {
    EXPECT_TRUE(FailsWith(Resolve(device, "auto", 0).status(),
                          absl::StatusCode::kInvalidArgument,
                          {"--device", std::string("\"") + device + "\""}));
  }
  EXPECT_TRUE(FailsWith(Resolve("cpu", "fp16", 0).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--precision", "\"fp16\"", "bf16"}));
  for (int threads : {-1, 1025}) {
    EXPECT_TRUE(FailsWith(Resolve("cpu", "f32", threads).status(),
                          absl::StatusCode::kInvalidArgument,
                          {"--threads", std::to_string(threads)}));
  }
}

TEST(ResolveComputeTest, TheCpuHasNoTf32) {
  EXPECT_TRUE(FailsWith(Resolve("cpu", "tf32", 0).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--precision", "tf32", "bf16"}));
}

// A machine with one card of compute capability MAJOR.MINOR.
CudaState MachineWith(int major, int minor) {
  CudaState cuda;
  cuda.built = true;
  cuda.architectures = {80, 90, 120};
  CudaDevice device;
  device.name = "Some card";
  device.major = major;
  device.minor = minor;
  cuda.devices = {device};
  return cuda;
}

TEST(ResolveDeviceTest, TakesTheCardThatWasNamed) {
  CudaState cuda = MachineWith(9, 0);
  cuda.devices.push_back(cuda.devices[0]);
  EXPECT_EQ(ResolveDevice("cuda", cuda)->str(), "cuda:0");
  EXPECT_EQ(ResolveDevice("auto", cuda)->str(), "cuda:0");
  EXPECT_EQ(ResolveDevice("cuda:1", cuda)->str(), "cuda:1");
  EXPECT_TRUE(FailsWith(ResolveDevice("cuda:2", cuda).status(),
                        absl::StatusCode::kUnavailable,
                        {"device 2", "has 2", "--device=cuda:1"}));
}

TEST(ResolveDeviceTest, RefusesACardThatItHasNoCodeFor) {
  const CudaState old = MachineWith(7, 0);
  EXPECT_TRUE(FailsWith(
      ResolveDevice("cuda", old).status(), absl::StatusCode::kUnavailable,
      {"Some card", "7.0", "8.0, 9.0, 12.0", "--device=cpu"}));
  EXPECT_TRUE(ResolveDevice("auto", old)->is_cpu());
}

}  // namespace
}  // namespace distill
