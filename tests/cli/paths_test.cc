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

TEST(FromUsersFolderTest, FollowsBazelRunsVariable) {
  unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(FromUsersFolder("data"), "data");
  setenv("BUILD_WORKING_DIRECTORY", "/home/me", 1);
  EXPECT_EQ(FromUsersFolder("data"), "/home/me/data");
  EXPECT_EQ(FromUsersFolder("../x"), "/home/me/../x");
  EXPECT_EQ(FromUsersFolder("/data"), "/data");
  EXPECT_EQ(FromUsersFolder(""), "");
  unsetenv("BUILD_WORKING_DIRECTORY");
}

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
    return ChooseDataset(dataset, data_dir, "/no/such/program");
  };
  EXPECT_EQ(choose("", "/d")->folder, "/d");
  EXPECT_EQ(choose("", "/d")->name, "");
  EXPECT_EQ(choose("mnist", "/d")->folder, "/d");
  EXPECT_EQ(choose("mnist", "/d")->name, "MNIST");
  EXPECT_EQ(choose("fashion_mnist", "/d")->folder, "/d");
  EXPECT_EQ(choose("fashion_mnist", "/d")->name, "Fashion-MNIST");
  EXPECT_EQ(choose("./mine", "")->folder, "./mine");
  EXPECT_EQ(choose("./mine", "")->name, "");
  EXPECT_TRUE(FailsWith(choose("./mine", "/d").status(),
                        absl::StatusCode::kInvalidArgument,
                        {"./mine", "/d", "pass one of them"}));
  EXPECT_TRUE(FailsWith(choose("cifar10", "").status(),
                        absl::StatusCode::kInvalidArgument,
                        {"\"cifar10\"", "mnist, fashion_mnist", "./cifar10"}));
}

TEST(ChooseDatasetTest, DataSetsByNameAreInTorchvisionsFolders) {
  unsetenv("BUILD_WORKING_DIRECTORY");
  const auto kmnist = ChooseDataset("kmnist", "", "/no/such/program");
  ASSERT_TRUE(kmnist.ok()) << kmnist.status();
  EXPECT_EQ(kmnist->folder, "data/KMNIST");
  EXPECT_EQ(kmnist->name, "KMNIST");
  EXPECT_FALSE(kmnist->layout.transposed);
  for (const std::string split :
       {"balanced", "byclass", "bymerge", "digits", "letters", "mnist"}) {
    const auto emnist =
        ChooseDataset("emnist_" + split, "", "/no/such/program");
    ASSERT_TRUE(emnist.ok()) << emnist.status();
    EXPECT_EQ(emnist->folder, "data/EMNIST");
    EXPECT_EQ(emnist->layout.file_prefix, "emnist-" + split + "-");
    EXPECT_TRUE(emnist->layout.transposed);
    EXPECT_EQ(emnist->layout.first_label, split == "letters" ? 1 : 0);
  }
  EXPECT_EQ(ChooseDataset("emnist_digits", "/d", "/no/such/program")->folder,
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
          testing::IdxFile({count, 2, 2}, std::vector<uint8_t>(4 * count, 1)));
      testing::WriteFile(start + "labels-idx1-ubyte",
                         testing::IdxFile({count}, labels));
    }
  }
  absl::StatusOr<Splits> Load(const std::string& dataset) const {
    return LoadSplits(*ChooseDataset(dataset, folder_.path(), ""));
  }
  testing::TempFolder folder_;
};

TEST_F(LoadSplitsTest, TheTrainingLabelsSayTheClassesOfBoth) {
  Write("KMNIST/raw/", {0, 12, 3}, {1, 2});
  const auto splits = Load("kmnist");
  ASSERT_TRUE(splits.ok()) << splits.status();
  EXPECT_EQ(splits->train->classes, 13);
  EXPECT_EQ(splits->test->classes, 13);
  EXPECT_EQ(splits->test->split, Split::kTest);
  EXPECT_EQ(splits->train->name.find("KMNIST (by name; images crc32 "), 0u)
      << splits->train->name;
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
  const auto choice = ChooseDataset("kmnist", mnist, "");
  ASSERT_TRUE(choice.ok());
  EXPECT_TRUE(FailsWith(LoadSplits(*choice).status(),
                        absl::StatusCode::kFailedPrecondition,
                        {"were to be KMNIST", "they are MNIST and MNIST"}));
}

TEST_F(LoadSplitsTest, SaysWhereADataSetByNameWasLookedForAndIs) {
  setenv("BUILD_WORKING_DIRECTORY", folder_.path().c_str(), 1);
  const auto choice = ChooseDataset("kmnist", "", "");
  ASSERT_TRUE(choice.ok());
  EXPECT_TRUE(FailsWith(
      LoadSplits(*choice).status(), absl::StatusCode::kNotFound,
      {folder_.File("data/KMNIST"), "http://codh.rois.ac.jp/kmnist/"}));
  Write("data/KMNIST/raw/", {0, 1}, {1, 1});
  EXPECT_TRUE(LoadSplits(*choice).ok());
  unsetenv("BUILD_WORKING_DIRECTORY");
}

TEST(ChooseDatasetTest, FashionMnistIsFoundOrSaidHowToGet) {
  unsetenv("BUILD_WORKING_DIRECTORY");
  const auto choice = ChooseDataset("fashion_mnist", "", "/no/such/program");
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
