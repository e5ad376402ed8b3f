#include "data/class_names.h"

#include "gtest/gtest.h"

namespace distill {
namespace {

std::vector<std::string> NamesOf(const std::string& name, int classes) {
  Dataset dataset;
  dataset.name = name;
  dataset.classes = classes;
  return ClassNames(dataset);
}

TEST(ClassNamesTest, AreNumbersWhereTheSetHasNoOthers) {
  EXPECT_EQ(NamesOf("MNIST", 3), (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(NamesOf("unknown (images crc32 0123abcd)", 11).back(), "10");
}

TEST(ClassNamesTest, AreTheSetsOwn) {
  const auto fashion = NamesOf("Fashion-MNIST", 10);
  EXPECT_EQ(fashion[0], "T-shirt/top");
  EXPECT_EQ(fashion[9], "ankle boot");
  const auto letters =
      NamesOf("EMNIST Letters (by name; images crc32 0123abcd)", 26);
  EXPECT_EQ(letters.size(), 26u);
  EXPECT_EQ(letters.front(), "A");
  EXPECT_EQ(letters.back(), "Z");
}

}  // namespace
}  // namespace distill
