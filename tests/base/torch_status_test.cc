#include "base/torch_status.h"

#include <new>
#include <stdexcept>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

TEST(CatchTorchErrorsTest, PassesAStatusThrough) {
  EXPECT_TRUE(CatchTorchErrors("x", [] { return absl::OkStatus(); }).ok());
  EXPECT_EQ(CatchTorchErrors("x", [] { return absl::NotFoundError("y"); }),
            absl::NotFoundError("y"));
}

TEST(CatchTorchErrorsTest, SaysWhatWasBeingDoneAndNoBacktrace) {
  const absl::Status status = CatchTorchErrors("adding apples", [] {
    (void)(at::ones({2}) + at::ones({3}));
    return absl::OkStatus();
  });
  EXPECT_TRUE(FailsWith(status, absl::StatusCode::kInternal,
                        {"size of tensor", "(while adding apples)"}));
  EXPECT_EQ(std::string(status.message()).find("frame #"), std::string::npos);
}

TEST(CatchTorchErrorsTest, KnowsMemoryFromMistakes) {
  EXPECT_TRUE(FailsWith(CatchTorchErrors("x",
                                         [] {
                                           at::empty({int64_t{1} << 50});
                                           return absl::OkStatus();
                                         }),
                        absl::StatusCode::kResourceExhausted, {"memory"}));
  EXPECT_TRUE(FailsWith(
      CatchTorchErrors("x", []() -> absl::Status { throw std::bad_alloc(); }),
      absl::StatusCode::kResourceExhausted, {"out of memory"}));
  EXPECT_TRUE(FailsWith(
      CatchTorchErrors(
          "x", []() -> absl::Status { throw std::runtime_error("odd"); }),
      absl::StatusCode::kInternal, {"odd"}));
}

TEST(CatchTorchErrorsTest, SaysWhatToDoAboutADevice) {
  // The texts are CUDA's own, as LibTorch passes them on.
  const struct {
    const char* text;
    absl::StatusCode code;
    const char* advice;
  } cases[] = {
      {"CUDA error: no kernel image is available for execution on the device",
       absl::StatusCode::kUnavailable, "//cli:doctor"},
      {"CUDA error: out of memory", absl::StatusCode::kResourceExhausted,
       "--batch_size"},
      {"CUDA error: unspecified launch failure", absl::StatusCode::kUnavailable,
       "nvidia-smi"},
  };
  for (const auto& item : cases) {
    EXPECT_TRUE(
        FailsWith(CatchTorchErrors(
                      "training",
                      [&]() -> absl::Status { TORCH_CHECK(false, item.text); }),
                  item.code, {item.text, "(while training)", item.advice}));
  }
  EXPECT_TRUE(FailsWith(
      CatchTorchErrors("training",
                       []() -> absl::Status {
                         TORCH_CHECK_WITH(
                             OutOfMemoryError, false,
                             "CUDA out of memory. Tried to allocate 2 GiB.");
                       }),
      absl::StatusCode::kResourceExhausted, {"2 GiB", "--batch_size"}));
}

}  // namespace
}  // namespace distill
