#include "cli/paths.h"

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
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
  const std::string found =
      DefaultDataFolder(std::getenv("TEST_SRCDIR") + std::string("/none"));
  EXPECT_NE(found, "data");
  unsetenv("TEST_SRCDIR");
  unsetenv("RUNFILES_DIR");
  unsetenv("RUNFILES_MANIFEST_FILE");
  setenv("BUILD_WORKING_DIRECTORY", "/home/me", 1);
  EXPECT_EQ(DefaultDataFolder("/no/such/program"), "/home/me/data");
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
