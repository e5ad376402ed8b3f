#include "cli/paths.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace distill {
namespace {

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

}  // namespace
}  // namespace distill
