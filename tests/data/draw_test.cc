#include "data/draw.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/datasets.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

Dataset Toy(int64_t count) {
  testing::ToyOptions toy;
  toy.count = count;
  return *testing::ToyDataset(toy);
}

std::vector<int64_t> Counts(const Dataset& dataset,
                            const std::vector<int64_t>& positions) {
  std::vector<int64_t> counts(dataset.classes);
  for (int64_t position : positions) ++counts[dataset.labels[position]];
  return counts;
}

TEST(DrawBalancedTest, GivesEachClassItsShareInAscendingOrder) {
  const Dataset dataset = Toy(200);
  Random random(1, "test");
  const auto drawn = DrawBalanced(dataset, 37, "--labels", random);
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  ASSERT_EQ(drawn->size(), 37u);
  EXPECT_TRUE(std::is_sorted(drawn->begin(), drawn->end()));
  EXPECT_EQ(std::adjacent_find(drawn->begin(), drawn->end()), drawn->end());
  std::vector<int64_t> counts = Counts(dataset, *drawn);
  std::sort(counts.begin(), counts.end());
  EXPECT_EQ(counts, (std::vector<int64_t>{3, 3, 3, 4, 4, 4, 4, 4, 4, 4}));
}

TEST(DrawBalancedTest, TheStreamDecides) {
  const Dataset dataset = Toy(200);
  const auto draw = [&](uint64_t seed) {
    Random random(seed, "test");
    return *DrawBalanced(dataset, 25, "--labels", random);
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
  // Which classes get the one more, too.
  EXPECT_NE(Counts(dataset, draw(1)), Counts(dataset, draw(2)));
}

TEST(DrawBalancedTest, LeavesOutClassesThatAreNotThere) {
  Dataset dataset = Toy(200);
  for (int32_t& label : dataset.labels) label = label == 3 ? 4 : label;
  Random random(1, "test");
  const auto drawn = DrawBalanced(dataset, 18, "--labels", random);
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  const std::vector<int64_t> counts = Counts(dataset, *drawn);
  EXPECT_EQ(counts[3], 0);
  EXPECT_EQ(counts[4], 2);
}

TEST(DrawBalancedTest, TheWholeSetIsEverySample) {
  const Dataset dataset = Toy(50);
  Random random(1, "test");
  const auto drawn = DrawBalanced(dataset, 50, "--labels", random);
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  EXPECT_TRUE(AllBut(*drawn, 50).empty());
}

TEST(DrawBalancedTest, RefusesWhatIsNotThere) {
  Dataset dataset = Toy(50);
  Random random(1, "test");
  for (int64_t count : {0, -1, 51}) {
    EXPECT_TRUE(
        FailsWith(DrawBalanced(dataset, count, "--labels", random).status(),
                  absl::StatusCode::kInvalidArgument,
                  {"--labels is " + std::to_string(count), "from 1 to 50"}));
  }
  // One sample of class 7 is left.
  for (int64_t i = 10; i < 50; ++i) {
    if (dataset.labels[i] == 7) dataset.labels[i] = 8;
  }
  EXPECT_TRUE(FailsWith(DrawBalanced(dataset, 20, "--labels", random).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--labels is 20", "2 of class 7", "has 1 of it"}));
}

TEST(AllButTest, IsTheRest) {
  EXPECT_EQ(AllBut({0, 2, 5}, 6), (std::vector<int64_t>{1, 3, 4}));
  EXPECT_EQ(AllBut({}, 2), (std::vector<int64_t>{0, 1}));
}

}  // namespace
}  // namespace distill
