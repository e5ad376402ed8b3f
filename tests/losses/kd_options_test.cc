#include "losses/kd_options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "absl/status/status.h"

namespace distill {
namespace {

KdOptions Options(double temperature, double alpha) {
  KdOptions options;
  options.temperature = temperature;
  options.alpha = alpha;
  return options;
}

TEST(KdOptionsTest, ValidateNamesFieldRangeAndValue) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(KdOptions().Validate().ok());
  EXPECT_TRUE(Options(0.1, 0).Validate().ok());
  EXPECT_TRUE(Options(100, 1).Validate().ok());
  const auto message = [](const KdOptions& options) {
    const absl::Status status = options.Validate();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  for (double temperature : {0.0, -2.5, infinity, -infinity, std::nan("")}) {
    EXPECT_EQ(message(Options(temperature, 0.5))
                  .find("temperature must be finite and greater than 0, got "),
              0u)
        << temperature;
  }
  for (double alpha : {-0.1, 1.1, infinity, std::nan("")}) {
    const std::string text = message(Options(5, alpha));
    EXPECT_EQ(text.find("alpha"), 0u) << text;
    EXPECT_NE(text.find("in [0, 1], got "), std::string::npos) << text;
  }
  EXPECT_NE(message(Options(-2.5, 0.5)).find("-2.5"), std::string::npos);
  EXPECT_NE(message(Options(5, 1.5)).find("got 1.5"), std::string::npos);
  EXPECT_NE(message(Options(5, 1 + 1e-9)).find("got 1.000000001"),
            std::string::npos);
}

}  // namespace
}  // namespace distill
