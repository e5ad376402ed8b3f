#include "data/augment.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

constexpr ImageSpec kImage = {1, 3, 4};
const std::vector<uint8_t> kPixels = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

std::vector<uint8_t> View(const std::string& augment,
                          const std::vector<int16_t>& draws) {
  std::vector<uint8_t> scratch;
  const uint8_t* view = Augment::Parse(augment)->View(draws.data(), kImage,
                                                      kPixels.data(), scratch);
  return {view, view + kImage.plane()};
}

TEST(AugmentTest, MovesDownAndToTheRightAndBringsInBlack) {
  EXPECT_EQ(View("shift:2", {0, 0}), kPixels);
  EXPECT_EQ(View("shift:2", {1, -2}),
            (std::vector<uint8_t>{0, 0, 0, 0, 3, 4, 0, 0, 7, 8, 0, 0}));
  EXPECT_EQ(View("crop:2", {-2, 1}),
            (std::vector<uint8_t>{0, 9, 10, 11, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(AugmentTest, FlipsLeftAndRight) {
  EXPECT_EQ(View("flip", {0}), kPixels);
  EXPECT_EQ(View("flip", {1}),
            (std::vector<uint8_t>{4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9}));
}

TEST(AugmentTest, CutsASquareAroundItsCentreThatMayStandOut) {
  // From a half above and to the left of the centre on.
  EXPECT_EQ(View("cutout:2", {1, 2}),
            (std::vector<uint8_t>{1, 0, 0, 4, 5, 0, 0, 8, 9, 10, 11, 12}));
  EXPECT_EQ(View("cutout:3", {0, 3}),
            (std::vector<uint8_t>{1, 2, 0, 0, 5, 6, 0, 0, 9, 10, 11, 12}));
  EXPECT_EQ(View("cutout:9", {1, 1}), std::vector<uint8_t>(12, 0));
}

TEST(AugmentTest, StepsAreTakenAsTheyAreWritten) {
  // Moved right, then exchanged; and the other way round.
  EXPECT_EQ(View("shift:1,flip", {0, 1, 1}),
            (std::vector<uint8_t>{3, 2, 1, 0, 7, 6, 5, 0, 11, 10, 9, 0}));
  EXPECT_EQ(View("flip,shift:1", {1, 0, 1}),
            (std::vector<uint8_t>{0, 4, 3, 2, 0, 8, 7, 6, 0, 12, 11, 10}));
}

TEST(AugmentTest, EveryPlaceIsEquallyLikely) {
  Random random(1, "test");
  const int64_t count = 30000;
  const Augment augment = *Augment::Parse("shift:1,flip,cutout:2");
  const std::vector<int16_t> draws = augment.Draw(random, count, kImage);
  ASSERT_EQ(static_cast<int64_t>(draws.size()), 5 * count);
  std::map<std::vector<int16_t>, int64_t> moves, flips, centres;
  for (int64_t i = 0; i < count; ++i) {
    const int16_t* one = draws.data() + 5 * i;
    ++moves[{one[0], one[1]}];
    ++flips[{one[2]}];
    ++centres[{one[3], one[4]}];
  }
  for (const auto& [places, all] : {std::pair(9, &moves), std::pair(2, &flips),
                                    std::pair(12, &centres)}) {
    ASSERT_EQ(all->size(), static_cast<size_t>(places));
    const double mean = static_cast<double>(count) / places;
    for (const auto& [place, times] : *all) {
      // Six deviations.
      EXPECT_NEAR(static_cast<double>(times), mean, 6 * std::sqrt(mean));
    }
  }
}

TEST(AugmentTest, IsWrittenAsItIsRead) {
  for (const char* text : {"crop:4,flip,shift:2,cutout:8", "flip", "none"}) {
    EXPECT_EQ(AbslUnparseFlag(*Augment::Parse(text)), text);
  }
  EXPECT_EQ(AbslUnparseFlag(*Augment::Parse("")), "none");
}

TEST(AugmentTest, OtherTextsAreRefusedByTheWordThatIsWrong) {
  struct Case {
    const char* text;
    std::vector<std::string> parts;
  };
  for (const Case& one : std::vector<Case>{
           {"flip,turn:3", {"\"turn:3\"", "crop:N, shift:N, flip, cutout:N"}},
           {"crop", {"\"crop\"", "1 to 1024"}},
           {"crop:0", {"\"crop:0\"", "1 to 1024"}},
           {"crop:1025", {"\"crop:1025\""}},
           {"crop:4:4", {"\"crop:4:4\""}},
           {"crop:four", {"\"crop:four\""}},
           {"flip:1", {"\"flip:1\"", "takes no number"}},
           {"flip,", {"\"\""}},
           {"none,flip", {"\"none\""}}}) {
    EXPECT_TRUE(FailsWith(Augment::Parse(one.text).status(),
                          absl::StatusCode::kInvalidArgument, one.parts))
        << one.text;
  }
}

}  // namespace
}  // namespace distill
