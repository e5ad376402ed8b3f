#include "data/catalog.h"

#include <set>

#include "gtest/gtest.h"

namespace distill {
namespace {

Dataset Identified(const std::string& stated, int classes) {
  Dataset dataset;
  dataset.classes = classes;
  dataset.images_crc32 = 0x123abcd;
  IdentifyDataset(stated, &dataset);
  return dataset;
}

TEST(CatalogTest, EachSetHasOneWordAndOneName) {
  std::set<std::string> words, names;
  for (const CatalogEntry& entry : Catalog()) {
    EXPECT_TRUE(words.insert(entry.word).second) << entry.word;
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_EQ(FindInCatalog(entry.word), &entry);
    // Known by its content, or taken at the user's word.
    EXPECT_NE(entry.checksums.empty(), entry.layout.name.empty());
    for (const DatasetSize& size : entry.sizes) {
      if (entry.class_names.empty()) continue;
      EXPECT_EQ(static_cast<int>(entry.class_names.size()), size.classes);
    }
  }
  EXPECT_EQ(FindInCatalog("cifar"), nullptr);
}

TEST(IdentifyDatasetTest, GoesByContentThenByTheUsersWord) {
  EXPECT_EQ(Identified("", 3).name, "unknown (images crc32 0123abcd)");
  EXPECT_EQ(Identified("KMNIST", 10).name,
            "KMNIST (by name; images crc32 0123abcd)");
  // Of nothing that the catalog has, but the user's word all the same.
  EXPECT_EQ(Identified("birds", 3).name,
            "birds (by name; images crc32 0123abcd)");
  for (const CatalogEntry& entry : Catalog()) {
    for (const CatalogEntry::Checksums& one : entry.checksums) {
      Dataset dataset;
      dataset.classes = 10;
      dataset.split = one.split;
      dataset.images_crc32 = one.images_crc32;
      dataset.labels_crc32 = one.labels_crc32;
      IdentifyDataset("KMNIST", &dataset);
      EXPECT_EQ(dataset.name, entry.name);
      EXPECT_EQ(dataset.normalization.has_value(),
                entry.normalization.has_value());
      ++dataset.labels_crc32;
      IdentifyDataset("", &dataset);
      EXPECT_EQ(dataset.name.find("unknown"), 0u) << dataset.name;
    }
  }
}

TEST(IdentifyDatasetTest, NamesTheClassesThatTheSetHas) {
  EXPECT_TRUE(Identified("", 11).class_names.empty());
  EXPECT_EQ(ClassNames(Identified("", 11)).back(), "10");
  EXPECT_TRUE(Identified("KMNIST", 10).class_names.empty());
  const auto letters = Identified("EMNIST Letters", 26).class_names;
  EXPECT_EQ(letters.size(), 26u);
  EXPECT_EQ(letters.front(), "A");
  EXPECT_EQ(letters.back(), "Z");
  const auto fashion = Identified("Fashion-MNIST", 12).class_names;
  EXPECT_EQ(fashion[0], "T-shirt/top");
  EXPECT_EQ(fashion[9], "ankle boot");
  EXPECT_EQ(fashion[11], "11");  // Which no name is known of.
  EXPECT_EQ(Identified("EMNIST Digits", 3).class_names,
            (std::vector<std::string>{"0", "1", "2"}));
}

}  // namespace
}  // namespace distill
