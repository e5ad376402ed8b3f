#include "models/integers.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "gtest/gtest.h"

namespace distill {
namespace {

TEST(IntegersTest, AFactorHas30BitsOrMore) {
  for (const double factor : {1e-9, 0.00037, 0.5, 0.9999999999, 1., 3.7, 9e8}) {
    const FixedPoint fixed = ToFixedPoint(factor);
    EXPECT_NEAR(std::ldexp(fixed.multiplier, -fixed.shift) / factor, 1,
                std::ldexp(1, -31))
        << factor;
    EXPECT_GE(fixed.shift, 1);
    EXPECT_LE(fixed.shift, 62);
  }
  // One that makes 0 of any sum.
  const FixedPoint tiny = ToFixedPoint(1e-30);
  EXPECT_LE(tiny.shift, 62);
  EXPECT_EQ((INT32_MAX * int64_t{tiny.multiplier}) >> tiny.shift, 0);
}

TEST(IntegersTest, ASumFitsInto32Bits) {
  for (const double times : {1e-6, 0.4, 1., 77., 1e6}) {
    for (const double other : {0., 1e-6, 0.3, 1., 1e6}) {
      const FixedSum sum = ToFixedSum(times, other);
      EXPECT_LT(255 * int64_t{sum.times} + 255 * int64_t{sum.other_times} +
                    (int64_t{1} << (sum.shift - 1)),
                INT32_MAX);
      // A byte is off by no more than the least that rounding decides.
      EXPECT_NEAR(255 * std::ldexp(sum.times, -sum.shift), 255 * times,
                  255 * std::fmax(times, other) * std::ldexp(1, -20) + 1e-6);
    }
  }
}

}  // namespace
}  // namespace distill
