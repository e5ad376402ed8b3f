#include "data/files.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "data/paths.h"
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

// The last step, renaming, is the one that fails here.
TEST(FilesTest, AfterAnErrorNothingElseIsLeft) {
  TempFolder folder;
  const std::string path = folder.File("b");
  testing::WriteFile(path + "/c", "c");
  EXPECT_TRUE(FailsOnFile(WriteFile(path, "a"),
                          absl::StatusCode::kFailedPrecondition, path,
                          "in its place", "a file that can be written"));
  EXPECT_EQ(ListFolder(folder.path()), "b/");
  EXPECT_EQ(ReadFile(path + "/c"), "c");
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
