#include "base/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace distill {
namespace {

// The outputs of the authors' xoshiro256starstar.c for the state 1, 2, 3, 4, as
// published in the tests of the Rust crate rand_xoshiro.
TEST(RandomTest, Xoshiro256StarStarIsThePublishedGenerator) {
  std::array<uint64_t, 4> state = {1, 2, 3, 4};
  const uint64_t published[] = {11520u,
                                0u,
                                1509978240u,
                                1215971899390074240u,
                                1216172134540287360u,
                                607988272756665600u,
                                16172922978634559625u,
                                8476171486693032832u,
                                10595114339597558777u,
                                2904607092377533576u};
  for (const uint64_t value : published) {
    EXPECT_EQ(internal::Xoshiro256StarStar(state), value);
  }
}

// Published at Rosetta Code, "Pseudo-random numbers/Splitmix64".
TEST(RandomTest, SplitMix64IsThePublishedGenerator) {
  uint64_t state = 1234567;
  const uint64_t published[] = {6457827717110365317u, 3203168211198807973u,
                                9817491932198370423u, 4593380528125082431u,
                                16408922859458223821u};
  for (const uint64_t value : published) {
    EXPECT_EQ(internal::SplitMix64(state), value);
  }
}

// From the test vectors of FNV's authors (test_fnv.c).
TEST(RandomTest, Fnv1a64IsThePublishedHash) {
  EXPECT_EQ(internal::Fnv1a64(""), 0xcbf29ce484222325u);
  EXPECT_EQ(internal::Fnv1a64("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(internal::Fnv1a64("foobar"), 0x85944171f73967e8u);
}

// Origin of the numbers: the header's description written once more in Python
// with its unbounded integers. They are fixed for good: another stream would
// change every result that was ever reported with a seed.
TEST(RandomTest, StreamsAreTheSameEverywhere) {
  Random first(1, "order", 0);
  for (const uint64_t value : {0x33d94b5ff9e44f6au, 0x62f099b4fb4860ceu,
                               0x461df97e8fc0d291u, 0x777d39f897785b24u}) {
    EXPECT_EQ(first.Next(), value);
  }
  Random second(42, "order", -3);
  for (const uint64_t value : {0xa99b7b0b54dd5a7cu, 0xbb4e4780d64aa71fu,
                               0xcf3673269f489d08u, 0x4b507ad6fe2ef919u}) {
    EXPECT_EQ(second.Next(), value);
  }
  EXPECT_EQ(Random(1, "order").Permutation(10),
            (std::vector<int64_t>{5, 6, 7, 4, 1, 0, 8, 9, 3, 2}));
}

TEST(RandomTest, EveryNameOfAStreamMatters) {
  std::set<uint64_t> firsts;
  int streams = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (const std::string purpose : {"", "order", "weights", "redro"}) {
      for (int64_t epoch = -1; epoch < 20; ++epoch) {
        firsts.insert(Random(seed, purpose, epoch).Next());
        ++streams;
      }
    }
  }
  EXPECT_EQ(static_cast<int>(firsts.size()), streams);
}

TEST(RandomTest, StreamsDoNotDisturbEachOther) {
  Random alone(7, "order", 1);
  Random with_company(7, "order", 1);
  Random company(7, "weights", 1);
  for (int i = 0; i < 100; ++i) {
    company.Next();
    EXPECT_EQ(alone.Next(), with_company.Next());
  }
}

TEST(RandomTest, BelowIsInRange) {
  Random random(1, "below");
  for (const uint64_t n :
       {uint64_t{1}, uint64_t{2}, uint64_t{3}, uint64_t{60000},
        (uint64_t{1} << 63) + 1, ~uint64_t{0}}) {
    for (int i = 0; i < 1000; ++i) EXPECT_LT(random.Below(n), n);
  }
  EXPECT_EQ(random.Below(0), 0u);
}

// With n = 3 * 2^62, x * n >> 64 without a rejection would give a result that
// is 0 mod 3 with probability 1/2 (two of four x), and not 1/3.
TEST(RandomTest, BelowHasNoBias) {
  Random random(1, "below");
  const uint64_t n = uint64_t{3} << 62;
  const int draws = 30000;
  int counts[3] = {};
  for (int i = 0; i < draws; ++i) ++counts[random.Below(n) % 3];
  // 5 standard deviations of a binomial count: sqrt(30000 * 1/3 * 2/3) = 82.
  for (const int count : counts) EXPECT_NEAR(count, draws / 3.0, 5 * 82);
}

TEST(RandomTest, UniformFillsTheInterval) {
  Random random(1, "uniform");
  const int draws = 100000;
  double sum = 0, least = 1, most = 0;
  for (int i = 0; i < draws; ++i) {
    const double u = random.Uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    least = std::min(least, u);
    most = std::max(most, u);
  }
  // 5 standard deviations of the mean: sqrt(1 / 12 / 100000) = 0.00091.
  EXPECT_NEAR(sum / draws, 0.5, 5 * 0.00091);
  // Each fails with a probability of exp(-20), about 2e-9.
  EXPECT_LT(least, 20.0 / draws);
  EXPECT_GT(most, 1 - 20.0 / draws);
}

TEST(RandomTest, PermutationHasEachNumberOnce) {
  for (const int64_t n : {1, 2, 3, 64, 60000}) {
    std::vector<int64_t> order = Random(3, "order").Permutation(n);
    ASSERT_EQ(static_cast<int64_t>(order.size()), n);
    EXPECT_EQ(std::is_sorted(order.begin(), order.end()), n == 1) << n;
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(order[i], i);
  }
  EXPECT_TRUE(Random(3, "order").Permutation(0).empty());
  EXPECT_TRUE(Random(3, "order").Permutation(-1).empty());
}

// All 24 orders of 4 are equally likely; a careless swap with any of the n
// (instead of the rest) would not pass.
TEST(RandomTest, PermutationHasNoBias) {
  std::vector<int> counts(256);
  const int draws = 24000;
  Random random(1, "order");
  for (int i = 0; i < draws; ++i) {
    const std::vector<int64_t> p = random.Permutation(4);
    ++counts[p[0] * 64 + p[1] * 16 + p[2] * 4 + p[3]];
  }
  int orders = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    ++orders;
    // 5 standard deviations: sqrt(24000 * 1/24 * 23/24) = 31.
    EXPECT_NEAR(count, draws / 24.0, 5 * 31);
  }
  EXPECT_EQ(orders, 24);
}

}  // namespace
}  // namespace distill
