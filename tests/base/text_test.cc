#include "base/text.h"

#include "gtest/gtest.h"

namespace distill {
namespace {

TEST(TextTest, Percent) {
  EXPECT_EQ(Percent(0.98765), "98.77 %");
  EXPECT_EQ(Percent(1), "100.00 %");
}

TEST(TextTest, WithCommas) {
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(1000), "1,000");
  EXPECT_EQ(WithCommas(421642), "421,642");
  EXPECT_EQ(WithCommas(-100), "-100");
  EXPECT_EQ(WithCommas(-1234567), "-1,234,567");
}

TEST(TextTest, WhatATerminalWouldObeyIsShown) {
  EXPECT_EQ(Printable("esc\x1b[31m.png"), "esc\\x1B[31m.png");
  EXPECT_EQ(Printable(std::string("a\0b\nc\x7f", 6)), "a\\x00b\\x0Ac\\x7F");
  EXPECT_EQ(Printable("h\xc3\xa9 \"<"), "h\xc3\xa9 \"<");
}

TEST(TextTest, Count) {
  EXPECT_EQ(Count(1, "epoch"), "1 epoch");
  EXPECT_EQ(Count(0, "error"), "0 errors");
  EXPECT_EQ(Count(1500, "error"), "1,500 errors");
}

}  // namespace
}  // namespace distill
