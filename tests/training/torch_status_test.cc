#include "training/torch_status.h"

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

}  // namespace
}  // namespace distill
