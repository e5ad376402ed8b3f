// Sizes beyond 32 bits.
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "data/formats/idx.h"
#include "gtest/gtest.h"
#include "tests/testing/files.h"

namespace distill {
namespace {

TEST(LargeTest, AFileOfMoreThanFourGigabytesIsReadToItsEnd) {
  std::ifstream meminfo("/proc/meminfo");
  std::string word;
  int64_t available = 0;  // kB.
  while (meminfo >> word) {
    if (word == "MemAvailable:") meminfo >> available;
  }
  if (available < 7'000'000) GTEST_SKIP() << "too little memory here";
  const testing::TempFolder folder;
  constexpr uint32_t kRows = 65537, kColumns = 65536;
  constexpr int64_t kValues = int64_t{kRows} * kColumns;  // 4,295,032,832.
  const std::string header = testing::IdxHeader({kRows, kColumns});
  const std::string path = testing::WriteFile(folder.File("large"), header);
  // A hole: it takes no room on the disk. Its last byte is one.
  ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(header.size()) + kValues),
            0);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(header.size()) + kValues - 1);
    file.put('\x07');
    ASSERT_TRUE(file.flush());
  }
  const auto array = ReadIdx(path);
  ASSERT_TRUE(array.ok()) << array.status();
  ASSERT_EQ(static_cast<int64_t>(array->values.size()), kValues);
  EXPECT_EQ(array->values.back(), 7);
  EXPECT_EQ(array->values[kValues - 2], 0);
}

}  // namespace
}  // namespace distill
