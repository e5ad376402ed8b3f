#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/paths.h"
#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsOnFile;
using testing::ReadFile;
using testing::TempFolder;

TEST(FilesTest, WritesAllBytesAndReplaces) {
  TempFolder folder;
  const std::string path = folder.File("a");
  const std::string bytes("one\0two\n\xff", 9);
  ASSERT_TRUE(WriteFile(path, bytes).ok());
  EXPECT_EQ(ReadFile(path), bytes);
  const std::string large(3 << 20, 'x');
  ASSERT_TRUE(WriteFile(path, large).ok());
  EXPECT_EQ(ReadFile(path), large);
  ASSERT_TRUE(WriteFile(path, "").ok());
  EXPECT_EQ(ReadFile(path), "");
  EXPECT_EQ(ListFolder(folder.path()), "a");
}

TEST(FilesTest, TheUsersUmaskDecidesWhoMayRead) {
  TempFolder folder;
  const mode_t before = umask(027);
  const absl::Status status = WriteFile(folder.File("a"), "a");
  umask(before);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(std::filesystem::status(folder.File("a")).permissions(),
            std::filesystem::perms(0640));
}

TEST(FilesTest, ARelativePathIsOfTheCurrentFolder) {
  TempFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const absl::Status status = WriteFile("a", "a");
  std::filesystem::current_path(before);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(ReadFile(folder.File("a")), "a");
}

TEST(FilesTest, NoSuchFolder) {
  TempFolder folder;
  const std::string path = folder.File("missing/a");
  EXPECT_TRUE(FailsOnFile(WriteFile(path, "a"), absl::StatusCode::kNotFound,
                          path, "No such file or directory",
                          "a file that can be written"));
}

TEST(FilesTest, AfterAnErrorNothingElseIsLeft) {
  TempFolder folder;
  const std::string path = folder.File("b");
  testing::WriteFile(path + "/c", "c");
  EXPECT_TRUE(FailsOnFile(WriteFile(path, "a"),
                          absl::StatusCode::kFailedPrecondition, path,
                          "Is a directory", "a file, a pipe or a terminal"));
  EXPECT_EQ(ListFolder(folder.path()), "b/");
  EXPECT_EQ(ReadFile(path + "/c"), "c");
}

TEST(FilesTest, LinksAreFollowedAndStay) {
  TempFolder folder;
  testing::WriteFile(folder.File("other/target"), "old");
  std::filesystem::create_symlink("other/target", folder.File("link"));
  std::filesystem::create_symlink("link", folder.File("link to it"));
  ASSERT_TRUE(WriteFile(folder.File("link to it"), "new").ok());
  EXPECT_EQ(ReadFile(folder.File("other/target")), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.File("link")));
  EXPECT_TRUE(std::filesystem::is_symlink(folder.File("link to it")));
}

TEST(FilesTest, ALinkToNothingIsFollowedToTheFileThatItNames) {
  TempFolder folder;
  std::filesystem::create_directory(folder.File("other"));
  std::filesystem::create_symlink("other/target", folder.File("link"));
  ASSERT_TRUE(WriteFile(folder.File("link"), "new").ok());
  EXPECT_EQ(ReadFile(folder.File("other/target")), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.File("link")));
}

TEST(FilesTest, LinksThatGoRoundAreAnError) {
  TempFolder folder;
  const std::string path = folder.File("a");
  std::filesystem::create_symlink("b", path);
  std::filesystem::create_symlink("a", folder.File("b"));
  EXPECT_FALSE(WriteFile(path, "a").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(path));
}

TEST(FilesTest, APipeIsWrittenToAndStays) {
  TempFolder folder;
  const std::string path = folder.File("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const absl::Status status = WriteFile(path, "through");
  char got[16] = {};
  EXPECT_EQ(read(reader, got, sizeof got), 7);
  close(reader);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(std::string(got), "through");
  EXPECT_TRUE(std::filesystem::is_fifo(path));
  EXPECT_EQ(ListFolder(folder.path()), "pipe");
}

// The numbers of /dev/null, in a node of the test's own.
TEST(FilesTest, ADeviceIsWrittenToAndStays) {
  TempFolder folder;
  const std::string path = folder.File("null");
  if (mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0) {
    GTEST_SKIP() << "no device may be made here";
  }
  const absl::Status status = WriteFile(path, "gone");
  if (absl::IsPermissionDenied(status)) {
    GTEST_SKIP() << "no device may be opened here";
  }
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(std::filesystem::is_character_file(path));
}

TEST(FilesTest, ASocketIsRefusedAndStays) {
  TempFolder folder;
  const std::string path = folder.File("socket");
  ASSERT_EQ(mknod(path.c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_TRUE(FailsOnFile(WriteFile(path, "a"),
                          absl::StatusCode::kFailedPrecondition, path,
                          "a socket", "a file, a pipe or a terminal"));
  EXPECT_TRUE(std::filesystem::is_socket(path));
}

TEST(FilesTest, AFileThatIsReplacedKeepsItsMode) {
  TempFolder folder;
  const std::string path = testing::WriteFile(folder.File("a"), "old");
  ASSERT_EQ(chmod(path.c_str(), 0604), 0);
  ASSERT_TRUE(WriteFile(path, "new").ok());
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms(0604));
}

TEST(FilesTest, WhatMayHaveNoEndIsNotRead) {
  TempFolder folder;
  const std::string pipe = folder.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, std::string("/dev/zero")}) {
    EXPECT_TRUE(FailsOnFile(distill::ReadFile(path).status(),
                            absl::StatusCode::kFailedPrecondition, path,
                            "a device, pipe or socket", "a file"));
  }
  EXPECT_TRUE(FailsOnFile(distill::ReadFile(folder.path()).status(),
                          absl::StatusCode::kFailedPrecondition, folder.path(),
                          "Is a directory", "a file that can be read"));
}

TEST(FilesTest, MakesAFolderAndThoseAboveItAndLeavesItEmpty) {
  TempFolder folder;
  const std::string path = folder.File("a/b/c");
  ASSERT_TRUE(MakeFolder(path).ok());
  EXPECT_EQ(ListFolder(path), "nothing");
  testing::WriteFile(path + "/kept", "");
  ASSERT_TRUE(MakeFolder(path).ok());
  EXPECT_EQ(ListFolder(path), "kept");
}

TEST(FilesTest, AFileInPlaceOfTheFolder) {
  TempFolder folder;
  const std::string path = testing::WriteFile(folder.File("a"), "");
  for (const std::string& under : {path, path + "/b"}) {
    EXPECT_TRUE(FailsOnFile(MakeFolder(under),
                            absl::StatusCode::kFailedPrecondition, under,
                            "Not a directory", "a folder that files can be"));
  }
}

// Root may write everywhere but where the kernel has no files to make.
TEST(FilesTest, AFolderThatCannotBeWrittenTo) {
  const absl::Status status = MakeFolder("/proc/self");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.message().find("/proc/self: found "), 0u) << status;
}

}  // namespace
}  // namespace distill
