#include "data/preparation.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace distill {
namespace {

using Bytes = std::vector<uint8_t>;

Picture Numbered(int64_t channels, int64_t height, int64_t width) {
  Picture picture = {channels, height, width, {}};
  while (picture.pixels.size() < picture.size()) {
    picture.pixels.push_back(static_cast<uint8_t>(picture.pixels.size()));
  }
  return picture;
}

TEST(PrepareTest, APictureOfTheSizeKeepsItsBytes) {
  const Picture colours = Numbered(3, 4, 5);
  Bytes planes;
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = c; i < 60; i += 3) planes.push_back(colours.pixels[i]);
  }
  const Picture grey = Numbered(1, 4, 5);
  Bytes thrice;
  for (int i = 0; i < 3; ++i) {
    thrice.insert(thrice.end(), grey.pixels.begin(), grey.pixels.end());
  }
  for (const auto& [name, fit] : Fits()) {
    EXPECT_EQ(Prepare(colours, {3, 4, 5}, fit), planes) << name;
    EXPECT_EQ(Prepare(colours, {1, 4, 5}, fit), ToGrey(colours).pixels) << name;
    EXPECT_EQ(Prepare(grey, {1, 4, 5}, fit), grey.pixels) << name;
    EXPECT_EQ(Prepare(grey, {3, 4, 5}, fit), thrice) << name;
  }
}

TEST(PrepareTest, EachFitHasAName) {
  std::vector<std::string> names;
  for (const auto& [name, fit] : Fits()) names.emplace_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"crop", "stretch", "pad"}));
}

// A column or a row of the result, from a picture of which only one direction
// changes its pixels: nothing is scaled where it fits already.
TEST(PrepareTest, TheMiddleIsTakenWithHalvesRoundedToEven) {
  // 1 and 3 too many: 0 and 2 are before the middle.
  EXPECT_EQ(Prepare(Numbered(1, 1, 3), {1, 1, 2}, Fit::kCrop), (Bytes{0, 1}));
  EXPECT_EQ(Prepare(Numbered(1, 1, 5), {1, 1, 2}, Fit::kCrop), (Bytes{2, 3}));
  EXPECT_EQ(Prepare(Numbered(1, 6, 1), {1, 2, 1}, Fit::kCrop), (Bytes{2, 3}));
  EXPECT_EQ(Prepare(Numbered(1, 7, 1), {1, 2, 1}, Fit::kCrop), (Bytes{2, 3}));
}

TEST(PrepareTest, WhatIsLeftIsBlackWithHalvesRoundedToEven) {
  const Picture row = {1, 1, 2, {7, 9}};
  EXPECT_EQ(Prepare(row, {1, 2, 2}, Fit::kPad), (Bytes{7, 9, 0, 0}));
  EXPECT_EQ(Prepare(row, {1, 4, 2}, Fit::kPad),
            (Bytes{0, 0, 0, 0, 7, 9, 0, 0}));
  const Picture column = {3, 2, 1, {1, 2, 3, 4, 5, 6}};
  EXPECT_EQ(Prepare(column, {3, 2, 3}, Fit::kPad),
            (Bytes{0, 1, 0, 0, 4, 0, 0, 2, 0, 0, 5, 0, 0, 3, 0, 0, 6, 0}));
}

// How many of the result's pixels are not black.
int64_t Lit(const Picture& picture, const ImageSpec& spec, Fit fit) {
  const Bytes pixels = Prepare(picture, spec, fit);
  EXPECT_EQ(static_cast<int64_t>(pixels.size()), spec.size());
  return std::count(pixels.begin(), pixels.end(), 200);
}

TEST(PrepareTest, SizesAreRoundedAsInTheirModels) {
  const auto white = [](int64_t height, int64_t width) {
    return Picture{1, height, width,
                   Bytes(static_cast<size_t>(height * width), 200)};
  };
  EXPECT_EQ(Lit(white(30, 20), {1, 9, 9}, Fit::kPad), 9 * 6);
  EXPECT_EQ(Lit(white(10, 25), {1, 8, 6}, Fit::kPad), 6 * 2);  // 2.4
  EXPECT_EQ(Lit(white(10, 25), {1, 8, 9}, Fit::kPad), 9 * 4);  // 3.6
  EXPECT_EQ(Lit(white(10, 4), {1, 5, 9}, Fit::kPad), 5 * 2);   // 2
  EXPECT_EQ(Lit(white(4, 10), {1, 99, 5}, Fit::kPad), 5 * 2);  // 2
  EXPECT_EQ(Lit(white(2, 4), {1, 9, 5}, Fit::kPad), 5 * 2);    // 2.5
  EXPECT_EQ(Lit(white(2, 4), {1, 9, 7}, Fit::kPad), 7 * 4);    // 3.5
  EXPECT_EQ(Lit(white(1, 500), {1, 3, 3}, Fit::kPad), 3);      // At least 1.
  EXPECT_EQ(Lit(white(500, 1), {1, 3, 3}, Fit::kPad), 3);
  for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 1}, {1, 500}, {500, 1}, {31, 17}, {7, 4}, {5, 4}}) {
    for (const Fit fit : {Fit::kCrop, Fit::kStretch}) {
      EXPECT_EQ(Lit(white(height, width), {1, 7, 4}, fit), 28);
    }
  }
}

}  // namespace
}  // namespace distill
