#include "base/paths.h"

#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "tests/testing/files.h"

namespace distill {
namespace {

using testing::TempFolder;
using testing::WriteFile;

TEST(PathsTest, AbsolutePathStartsAtTheRoot) {
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(AbsolutePath("data"), here + "/data");
  EXPECT_EQ(AbsolutePath("./data"), here + "/data");
  EXPECT_EQ(AbsolutePath("/a/./b//c"), "/a/b/c");
  EXPECT_EQ(AbsolutePath(""), "");
}

// If /a/link leads to /x/y, then /a/link/../b is /x/b and not /a/b.
TEST(PathsTest, AbsolutePathDoesNotShortenAWayThroughALink) {
  EXPECT_EQ(AbsolutePath("/a/link/../b"), "/a/link/../b");
}

TEST(PathsTest, ListFolderIsSortedAndCapped) {
  TempFolder folder;
  EXPECT_EQ(ListFolder(folder.path()), "nothing");
  WriteFile(folder.File("b"), "");
  WriteFile(folder.File("a"), "");
  WriteFile(folder.File("c/d"), "");
  EXPECT_EQ(ListFolder(folder.path()), "a, b, c/");
  EXPECT_EQ(ListFolder(folder.path(), 2), "a, b and 1 more");
  EXPECT_EQ(ListFolder(folder.File("e")),
            "(cannot be listed: No such file or directory)");
}

}  // namespace
}  // namespace distill
