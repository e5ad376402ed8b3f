#include "cli/paths.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/mnist.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

TEST(DefaultDataFolderTest, IsAmongTheRunfilesElseInTheUsersFolder) {
  // This test has MNIST among its own.
  const std::string runfiles = std::getenv("TEST_SRCDIR");
  const std::string found = DefaultDataFolder(runfiles + "/none");
  EXPECT_NE(found, "data");
  unsetenv("TEST_SRCDIR");
  unsetenv("RUNFILES_DIR");
  unsetenv("RUNFILES_MANIFEST_FILE");
  setenv("BUILD_WORKING_DIRECTORY", "/home/me", 1);
  EXPECT_EQ(DefaultDataFolder("/no/such/program"), "/home/me/data");
  setenv("TEST_SRCDIR", runfiles.c_str(), 1);
  unsetenv("BUILD_WORKING_DIRECTORY");
}

TEST(ChooseDatasetTest, NamesFoldersAndBoth) {
  unsetenv("BUILD_WORKING_DIRECTORY");
  const auto choose = [](const std::string& dataset,
                         const std::string& data_dir) {
    return ChooseDataset({dataset, data_dir, 0, "/no/such/program"});
  };
  EXPECT_EQ(choose("", "/d")->folder, "/d");
  EXPECT_EQ(choose("", "/d")->entry, nullptr);
  EXPECT_EQ(choose("mnist", "/d")->folder, "/d");
  EXPECT_EQ(choose("mnist", "/d")->entry->name, "MNIST");
  EXPECT_EQ(choose("fashion_mnist", "/d")->folder, "/d");
  EXPECT_EQ(choose("fashion_mnist", "/d")->entry->name, "Fashion-MNIST");
  EXPECT_EQ(choose("./mine", "")->folder, "./mine");
  EXPECT_EQ(choose("./mine", "")->entry, nullptr);
  EXPECT_TRUE(FailsWith(choose("./mine", "/d").status(),
                        absl::StatusCode::kInvalidArgument,
                        {"./mine", "/d", "pass one of them"}));
  EXPECT_TRUE(FailsWith(
      choose("imagenet", "").status(), absl::StatusCode::kInvalidArgument,
      {"\"imagenet\"", "mnist, fashion_mnist", "./imagenet"}));
}

TEST(ChooseDatasetTest, DataSetsByNameAreInTorchvisionsFolders) {
  unsetenv("BUILD_WORKING_DIRECTORY");
  const auto kmnist =
      ChooseDataset(DataOptions{"kmnist", "", 0, "/no/such/program"});
  ASSERT_TRUE(kmnist.ok()) << kmnist.status();
  EXPECT_EQ(kmnist->folder, "data/KMNIST");
  EXPECT_EQ(kmnist->entry->name, "KMNIST");
  EXPECT_FALSE(kmnist->entry->layout.transposed);
  for (const std::string split :
       {"balanced", "byclass", "bymerge", "digits", "letters", "mnist"}) {
    const auto emnist = ChooseDataset(
        DataOptions{"emnist_" + split, "", 0, "/no/such/program"});
    ASSERT_TRUE(emnist.ok()) << emnist.status();
    EXPECT_EQ(emnist->folder, "data/EMNIST");
    EXPECT_EQ(emnist->entry->layout.file_prefix, "emnist-" + split + "-");
    EXPECT_TRUE(emnist->entry->layout.transposed);
    EXPECT_EQ(emnist->entry->layout.first_label, split == "letters" ? 1 : 0);
  }
  EXPECT_EQ(
      ChooseDataset(DataOptions{"emnist_digits", "/d", 0, "/no/such/program"})
          ->folder,
      "/d");
}

class LoadSplitsTest : public ::testing::Test {
 protected:
  // `train` and `test` are the labels of images of 2 x 2.
  void Write(const std::string& place, const std::vector<uint8_t>& train,
             const std::vector<uint8_t>& test) {
    for (const bool training : {true, false}) {
      const std::string start =
          folder_.File(place) + (training ? "train-" : "t10k-");
      const std::vector<uint8_t>& labels = training ? train : test;
      const auto count = static_cast<uint32_t>(labels.size());
      testing::WriteFile(
          start + "images-idx3-ubyte",
          testing::IdxFile({count, 2, 2},
                           std::vector<uint8_t>(4 * count, training ? 1 : 2)));
      testing::WriteFile(start + "labels-idx1-ubyte",
                         testing::IdxFile({count}, labels));
    }
  }
  absl::StatusOr<Splits> Load(const std::string& dataset,
                              int classes = 0) const {
    DatasetChoice choice =
        *ChooseDataset(DataOptions{dataset, folder_.path(), 0, ""});
    choice.classes = classes;
    return LoadSplits(choice, nobody_);
  }
  testing::TempFolder folder_;
  mutable Observer nobody_;
};

TEST_F(LoadSplitsTest, TheTrainingLabelsSayTheClassesOfBoth) {
  Write("", {0, 1, 3}, {1, 2});
  const auto splits = Load("");
  ASSERT_TRUE(splits.ok()) << splits.status();
  EXPECT_EQ(splits->train->classes, 4);
  EXPECT_EQ(splits->test->classes, 4);
  EXPECT_EQ(splits->test->split, Split::kTest);
  EXPECT_EQ(Load("", 5)->test->classes, 5);
}

TEST_F(LoadSplitsTest, LabelsWithAWideGapAreRefusedUnlessTheUserSaysSo) {
  // One wild label.
  Write("", {0, 1, 255, 3}, {1, 2});
  EXPECT_TRUE(FailsWith(Load("").status(),
                        absl::StatusCode::kFailedPrecondition,
                        {"labels up to 255", "at index 2", "252 classes",
                         "2, 4 to 254", "--classes=256"}));
  const auto splits = Load("", 256);
  ASSERT_TRUE(splits.ok()) << splits.status();
  EXPECT_EQ(splits->train->classes, 256);
  EXPECT_TRUE(FailsWith(Load("", 4).status(),
                        absl::StatusCode::kFailedPrecondition,
                        {"label 255 at index 2"}));
}

TEST_F(LoadSplitsTest, ANameThatIsKnownWantsItsSizes) {
  Write("KMNIST/raw/", {0, 1, 2}, {1, 2});
  EXPECT_TRUE(FailsWith(Load("kmnist").status(),
                        absl::StatusCode::kFailedPrecondition,
                        {"3 training and 2 test images of 2 x 2", "60,000",
                         "10,000", "28 x 28", "KMNIST"}));
}

TEST_F(LoadSplitsTest, ANameThatIsKnownIsTheDataSets) {
  Write("KMNIST/raw/", {0, 1, 2}, {1, 2});
  DatasetChoice choice =
      *ChooseDataset(DataOptions{"kmnist", folder_.path(), 0, ""});
  CatalogEntry of_any_size = *choice.entry;
  of_any_size.sizes.clear();
  choice.entry = &of_any_size;
  const auto splits = LoadSplits(choice, nobody_);
  ASSERT_TRUE(splits.ok()) << splits.status();
  EXPECT_EQ(splits->train->name.find("KMNIST (by name; images crc32 "), 0u)
      << splits->train->name;
}

TEST_F(LoadSplitsTest, EqualSplitsAreRefused) {
  Write("", {0, 1, 2}, {0, 1, 2});
  const std::string train = folder_.File("train-images-idx3-ubyte");
  const std::string test = folder_.File("t10k-images-idx3-ubyte");
  EXPECT_TRUE(Load("").ok());
  testing::WriteFile(test, testing::ReadFile(train));
  EXPECT_TRUE(FailsWith(Load("").status(),
                        absl::StatusCode::kFailedPrecondition,
                        {test + ": found the images of " + train}));
}

TEST_F(LoadSplitsTest, TestImagesThatAreTrainingImagesAreCountedAndSaid) {
  Write("", {0, 1, 2}, {0, 1, 2, 0});
  // Two of the four, one of them twice, and one that is no training image.
  testing::WriteFile(folder_.File("t10k-images-idx3-ubyte"),
                     testing::IdxFile({4, 2, 2}, {1, 1, 1, 1, 1, 1, 1, 2, 1, 1,
                                                  1, 1, 2, 2, 2, 2}));
  const auto splits = Load("");
  ASSERT_TRUE(splits.ok()) << splits.status();
  EXPECT_EQ(splits->shared_images, 2);
  const std::vector<std::string> remarks = Remarks(*splits);
  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_NE(remarks[0].find("2 of 4 test images are training images too"),
            std::string::npos)
      << remarks[0];
  Write("", {0, 1, 2}, {0, 1, 2, 0});
  EXPECT_TRUE(Remarks(*Load("")).empty());
  // Among more images for the student, too, and those to choose by.
  Splits more = *Load("");
  more.shared_unlabelled_choice = 1;
  EXPECT_NE(Remarks(more)[0].find("1 of 3 training images are among the "
                                  "--unlabelled pictures, pixel by pixel, also "
                                  "those that --validation holds out"),
            std::string::npos)
      << Remarks(more)[0];
}

TEST_F(LoadSplitsTest, ATestLabelBeyondThemIsAnErrorOfTheFiles) {
  Write("", {0, 2}, {1, 3});
  EXPECT_TRUE(FailsWith(Load("").status(),
                        absl::StatusCode::kFailedPrecondition,
                        {folder_.File("t10k-labels-idx1-ubyte"),
                         "label 3 at index 1", "labels from 0 to 2"}));
}

TEST_F(LoadSplitsTest, FilesThatAreNotMnistAreNotMnist) {
  Write("", {0, 2}, {1, 1});
  EXPECT_TRUE(FailsWith(Load("mnist").status(),
                        absl::StatusCode::kFailedPrecondition,
                        {"were to be MNIST", "unknown (images crc32"}));
}

TEST_F(LoadSplitsTest, MnistIsNotKmnistByName) {
  const std::string mnist = testing::RealMnistFolder();
  ASSERT_FALSE(mnist.empty()) << testing::kNoMnist;
  const auto choice = ChooseDataset(DataOptions{"kmnist", mnist, 0, ""});
  ASSERT_TRUE(choice.ok());
  EXPECT_TRUE(FailsWith(LoadSplits(*choice, nobody_).status(),
                        absl::StatusCode::kFailedPrecondition,
                        {"were to be KMNIST", "they are MNIST. Pass"}));
}

TEST_F(LoadSplitsTest, SaysWhereADataSetByNameWasLookedForAndIs) {
  setenv("BUILD_WORKING_DIRECTORY", folder_.path().c_str(), 1);
  const auto choice = ChooseDataset(DataOptions{"kmnist", "", 0, ""});
  ASSERT_TRUE(choice.ok());
  EXPECT_TRUE(FailsWith(
      LoadSplits(*choice, nobody_).status(), absl::StatusCode::kNotFound,
      {folder_.File("data/KMNIST"), "http://codh.rois.ac.jp/kmnist/"}));
  Write("data/KMNIST/raw/", {0, 1}, {1, 1});
  // Found, and read.
  EXPECT_TRUE(FailsWith(LoadSplits(*choice, nobody_).status(),
                        absl::StatusCode::kFailedPrecondition,
                        {folder_.File("data/KMNIST/raw"), "2 training"}));
  unsetenv("BUILD_WORKING_DIRECTORY");
}

TEST_F(LoadSplitsTest, SaysHowToNameAFolderWhereNoneWasNamed) {
  // This test has MNIST among its own runfiles.
  const std::string runfiles = std::getenv("TEST_SRCDIR");
  unsetenv("TEST_SRCDIR");
  unsetenv("RUNFILES_DIR");
  unsetenv("RUNFILES_MANIFEST_FILE");
  setenv("BUILD_WORKING_DIRECTORY", folder_.path().c_str(), 1);
  DataOptions options{"", "", 0, "/no/such/program"};
  EXPECT_TRUE(FailsWith(LoadSplits(options, nobody_).status(),
                        absl::StatusCode::kNotFound,
                        {folder_.File("data"), "pass --data_dir"}));
  options.data_dir = folder_.File("mine");
  const std::string named(LoadSplits(options, nobody_).status().message());
  EXPECT_NE(named.find("/mine"), std::string::npos) << named;
  EXPECT_EQ(named.find("--data_dir"), std::string::npos) << named;
  unsetenv("BUILD_WORKING_DIRECTORY");
  setenv("TEST_SRCDIR", runfiles.c_str(), 1);
}

TEST(ChooseDatasetTest, FashionMnistIsFoundOrSaidHowToGet) {
  unsetenv("BUILD_WORKING_DIRECTORY");
  const auto choice =
      ChooseDataset(DataOptions{"fashion_mnist", "", 0, "/no/such/program"});
  if (choice.ok()) {
    EXPECT_NE(choice->folder.find("ashion"), std::string::npos);
    return;
  }
  EXPECT_TRUE(
      FailsWith(choice.status(), absl::StatusCode::kNotFound,
                {"/usr/share/datasets/fashion-mnist", "data/FashionMNIST/raw",
                 "apt-get install dataset-fashion-mnist"}));
}

}  // namespace
}  // namespace distill
