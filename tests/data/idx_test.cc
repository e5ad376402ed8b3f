#include "data/formats/idx.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using absl::StatusCode;
using testing::FailsOnFile;
using testing::FailsWith;
using testing::Gzip;
using testing::IdxFile;
using testing::IdxHeader;
using testing::TempFolder;
using testing::WriteFile;

// 2 x 2 x 3, 28 bytes as a file.
const std::vector<uint32_t> kSmallDims = {2, 2, 3};
const std::vector<uint8_t> kSmallValues = {0, 1,  2,  3,   127, 128,
                                           9, 10, 11, 254, 255, 7};

std::string SmallFile() { return IdxFile(kSmallDims, kSmallValues); }

uint32_t CrcOf(const std::string& content) {
  return static_cast<uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(content.data()),
              static_cast<uInt>(content.size())));
}

std::vector<uint8_t> RandomBytes(int64_t count) {
  Random random(1, "bytes");
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Below(256));
  return bytes;
}

class IdxTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& content) {
    return WriteFile(folder_.File("file"), content);
  }

  TempFolder folder_;
};

// ---- Good files.

TEST_F(IdxTest, ReadsAPlainFile) {
  const absl::StatusOr<IdxArray> array = ReadIdx(Write(SmallFile()));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->dims, (std::vector<int64_t>{2, 2, 3}));
  EXPECT_EQ(array->values, kSmallValues);
  EXPECT_EQ(array->crc32, CrcOf(SmallFile()));
}

TEST_F(IdxTest, ReadsAGzipFileWhateverItsName) {
  const absl::StatusOr<IdxArray> array = ReadIdx(Write(Gzip(SmallFile())));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->dims, (std::vector<int64_t>{2, 2, 3}));
  EXPECT_EQ(array->values, kSmallValues);
  EXPECT_EQ(array->crc32, CrcOf(SmallFile()));
}

TEST_F(IdxTest, ReadsAPlainFileNamedGz) {
  const absl::StatusOr<IdxArray> array =
      ReadIdx(WriteFile(folder_.File("file.gz"), SmallFile()));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->values, kSmallValues);
}

TEST_F(IdxTest, ReadsEveryRankAndTheSmallestSizes) {
  for (const std::vector<uint32_t>& dims : std::vector<std::vector<uint32_t>>{
           {1}, {5}, {1, 1}, {2, 3}, {1, 2, 1}, {2, 1, 3, 2}}) {
    uint32_t count = 1;
    for (const uint32_t dim : dims) count *= dim;
    const std::vector<uint8_t> values = RandomBytes(count);
    for (const bool gzip : {false, true}) {
      const std::string file = IdxFile(dims, values);
      const absl::StatusOr<IdxArray> array =
          ReadIdx(Write(gzip ? Gzip(file) : file));
      ASSERT_TRUE(array.ok()) << array.status();
      EXPECT_EQ(array->dims, std::vector<int64_t>(dims.begin(), dims.end()));
      EXPECT_EQ(array->values, values);
    }
  }
}

// Larger than a read of compressed data (1 MiB) and than the first guess at its
// memory; zeros pack by almost the largest ratio there is, random bytes by
// none.
TEST_F(IdxTest, ReadsLargeFiles) {
  for (const std::vector<uint8_t>& values :
       {RandomBytes(3000000), std::vector<uint8_t>(20000000)}) {
    const std::string file =
        IdxFile({static_cast<uint32_t>(values.size())}, values);
    for (const bool gzip : {false, true}) {
      const absl::StatusOr<IdxArray> array =
          ReadIdx(Write(gzip ? Gzip(file) : file));
      ASSERT_TRUE(array.ok()) << array.status();
      EXPECT_TRUE(array->values == values);
      EXPECT_EQ(array->crc32, CrcOf(file));
    }
  }
}

// RFC 1952, section 2.2: a gzip file is a series of members.
TEST_F(IdxTest, ReadsAGzipFileOfSeveralMembers) {
  const std::string file = SmallFile();
  for (size_t cut = 0; cut <= file.size(); ++cut) {
    const absl::StatusOr<IdxArray> array =
        ReadIdx(Write(Gzip(file.substr(0, cut)) + Gzip(file.substr(cut))));
    ASSERT_TRUE(array.ok()) << cut << ": " << array.status();
    EXPECT_EQ(array->values, kSmallValues);
    EXPECT_EQ(array->crc32, CrcOf(file));
  }
}

TEST_F(IdxTest, ReadsIntegersAsTheirBytes) {
  const std::string path =
      Write(distill::IdxHeader({2}, IdxType::kInt32) +
            std::string("\x00\x01\x02\x03\xFF\xFF\xFF\xFE", 8));
  const absl::StatusOr<IdxArray> array = ReadIdx(path);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->type, IdxType::kInt32);
  EXPECT_EQ(array->dims, (std::vector<int64_t>{2}));
  EXPECT_EQ(array->values,
            (std::vector<uint8_t>{0, 1, 2, 3, 0xFF, 0xFF, 0xFF, 0xFE}));
  EXPECT_TRUE(FailsOnFile(
      ReadIdx(Write(distill::IdxHeader({2}, IdxType::kInt32) + "12345"))
          .status(),
      StatusCode::kDataLoss, path, "13 bytes", "16 bytes"));
}

TEST_F(IdxTest, IdxHeaderIsThatOfTheFile) {
  EXPECT_EQ(distill::IdxHeader({2, 2, 3}, IdxType::kByte),
            SmallFile().substr(0, 16));
  EXPECT_EQ(distill::IdxHeader({70000}, IdxType::kByte), IdxHeader({70000}));
}

// ---- Files that cannot be opened.

TEST_F(IdxTest, MissingFile) {
  const std::string path = folder_.File("none");
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kNotFound, path,
                          "no such file", "readable file"));
}

TEST_F(IdxTest, MissingFileOnARelativePathIsNamedFromTheRoot) {
  const std::string path =
      (std::filesystem::current_path() / "no_such_folder/none").string();
  EXPECT_TRUE(FailsOnFile(ReadIdx("./no_such_folder/none").status(),
                          StatusCode::kNotFound, path, "no such file",
                          "readable file"));
}

TEST_F(IdxTest, FileInPlaceOfAFolder) {
  const std::string path = Write(SmallFile()) + "/images";
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kNotFound, path,
                          "no such file", "readable file"));
}

TEST_F(IdxTest, LinkToNothing) {
  const std::string path = folder_.File("link");
  ASSERT_EQ(symlink("none", path.c_str()), 0);
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kNotFound, path,
                          "a link to a file that does not exist",
                          "readable file"));
}

TEST_F(IdxTest, FolderInPlaceOfAFile) {
  EXPECT_TRUE(FailsOnFile(ReadIdx(folder_.path()).status(),
                          StatusCode::kInvalidArgument, folder_.path(),
                          "a folder", "a file in the IDX format"));
}

TEST_F(IdxTest, PipeInPlaceOfAFileDoesNotWaitForAWriter) {
  const std::string path = folder_.File("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kInvalidArgument,
                          path, "a device, pipe or socket",
                          "a file in the IDX format"));
}

TEST_F(IdxTest, EmptyPath) {
  EXPECT_TRUE(FailsWith(ReadIdx("").status(), StatusCode::kNotFound,
                        {"found no such file", "expected"}));
}

// The administrator may read every file, so the reading is done by a child
// process that becomes user 65534 (nobody) first.
TEST_F(IdxTest, NoPermission) {
  const std::string path = WriteFile(folder_.File("secret"), SmallFile());
  WriteFile(folder_.File("open"), SmallFile());
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  ASSERT_EQ(chmod(folder_.File("open").c_str(), 0644), 0);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);

  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Relative paths: the folders above may be closed to the other user.
    bool dropped = chdir(folder_.path().c_str()) == 0;
    if (geteuid() == 0) {
      dropped = dropped && setgid(65534) == 0 && setuid(65534) == 0;
    }
    if (!dropped) _exit(3);
    if (!ReadIdx("open").ok()) _exit(4);
    const absl::Status status = ReadIdx("secret").status();
    const std::string message(status.message());
    const bool written = write(pipe_ends[1], message.data(), message.size()) ==
                         static_cast<ssize_t>(message.size());
    _exit(written ? static_cast<int>(status.code()) + 100 : 5);
  }
  close(pipe_ends[1]);
  std::string message;
  char buffer[512];
  for (ssize_t n; (n = read(pipe_ends[0], buffer, sizeof(buffer))) > 0;) {
    message.append(buffer, n);
  }
  close(pipe_ends[0]);
  int exit_status = 0;
  ASSERT_EQ(waitpid(child, &exit_status, 0), child);
  ASSERT_TRUE(WIFEXITED(exit_status));
  if (WEXITSTATUS(exit_status) == 3) {
    GTEST_SKIP() << "This process is root and may not become another user.";
  }
  ASSERT_GE(WEXITSTATUS(exit_status), 100) << WEXITSTATUS(exit_status);
  const auto code = static_cast<StatusCode>(WEXITSTATUS(exit_status) - 100);
  EXPECT_TRUE(FailsOnFile(absl::Status(code, message),
                          StatusCode::kPermissionDenied, path,
                          "Permission denied", "readable file"));
}

// ---- Files with wrong content.

TEST_F(IdxTest, EmptyFile) {
  const std::string path = Write("");
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "an empty file", "a file in the IDX format"));
}

TEST_F(IdxTest, TruncatedAtAnyByte) {
  const std::string file = SmallFile();
  for (size_t size = 1; size < file.size(); ++size) {
    const std::string path = Write(file.substr(0, size));
    EXPECT_TRUE(FailsOnFile(
        ReadIdx(path).status(), StatusCode::kDataLoss, path,
        std::to_string(size) + " bytes",
        size < 4    ? "a header of at least 8 bytes"
        : size < 16 ? "a header of at least 16 bytes"
                    : "28 bytes (a header of 16 and 2 x 2 x 3 values)"));
  }
}

TEST_F(IdxTest, GzipTruncatedAtAnyByte) {
  const std::string file = Gzip(SmallFile());
  for (size_t size = 2; size < file.size(); ++size) {
    const std::string path = Write(file.substr(0, size));
    EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                            std::to_string(size) + " bytes that ends early",
                            "a complete gzip stream"));
  }
  const std::string path = Write(file.substr(0, 1));
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "1 bytes", "a header of at least 8 bytes"));
}

TEST_F(IdxTest, GzipOfAFileTruncatedAtAnyByte) {
  const std::string file = SmallFile();
  for (size_t size = 0; size < file.size(); ++size) {
    const std::string path = Write(Gzip(file.substr(0, size)));
    EXPECT_TRUE(FailsOnFile(
        ReadIdx(path).status(), StatusCode::kDataLoss, path,
        std::to_string(size) + " bytes once unpacked",
        size < 4    ? "a header of at least 8 bytes"
        : size < 16 ? "a header of at least 16 bytes"
                    : "28 bytes (a header of 16 and 2 x 2 x 3 values)"));
  }
}

TEST_F(IdxTest, ExtraBytes) {
  const std::string path = Write(SmallFile() + "x");
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "29 bytes", "28 bytes"));
}

TEST_F(IdxTest, WrongMagic) {
  std::string file = SmallFile();
  file[1] = 1;
  const std::string path = Write(file);
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kInvalidArgument,
                          path, "a start of 00 01 08 03", "00 00 08"));
  file[1] = 0;
  file[0] = '\x80';
  Write(file);
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kInvalidArgument,
                          path, "a start of 80 00 08 03", "00 00 08"));
}

TEST_F(IdxTest, WebPageOrArchiveInPlaceOfAFileIsRecognised) {
  EXPECT_TRUE(FailsWith(ReadIdx(Write("<!DOCTYPE html>...")).status(),
                        StatusCode::kInvalidArgument, {"web page"}));
  EXPECT_TRUE(FailsWith(ReadIdx(Write("PK\x03\x04 and so on")).status(),
                        StatusCode::kInvalidArgument, {".zip"}));
  EXPECT_TRUE(FailsWith(ReadIdx(Write(Gzip(Gzip(SmallFile())))).status(),
                        StatusCode::kInvalidArgument, {"compressed twice"}));
}

TEST_F(IdxTest, WrongTypeCode) {
  for (const auto& [code, name] : std::vector<std::pair<int, std::string>>{
           {0x09, "type code 0x09 (signed byte)"},
           {0x0B, "type code 0x0B (16-bit integer)"},
           {0x0D, "type code 0x0D (32-bit float)"},
           {0x0E, "type code 0x0E (64-bit float)"},
           {0x07, "type code 0x07 (no type of the IDX format)"}}) {
    const std::string path =
        Write(IdxHeader({2}, code) + std::string(16, '\0'));
    EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(),
                            StatusCode::kInvalidArgument, path, name,
                            "0x08 (unsigned byte)"));
  }
}

TEST_F(IdxTest, WrongRank) {
  for (const uint32_t rank : {0u, 5u, 255u}) {
    const std::string path =
        Write(IdxFile(std::vector<uint32_t>(rank, 1), {1}));
    EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(),
                            StatusCode::kInvalidArgument, path,
                            std::to_string(rank) + " dimensions", "1 to 4"));
  }
}

TEST_F(IdxTest, ZeroSizes) {
  for (const std::vector<uint32_t>& dims : std::vector<std::vector<uint32_t>>{
           {0}, {0, 28, 28}, {5, 0, 28}, {5, 28, 0}}) {
    const std::string path = Write(IdxHeader(dims));
    EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(),
                            StatusCode::kInvalidArgument, path, "sizes ",
                            "at least 1 in each dimension"));
  }
}

TEST_F(IdxTest, SizesThatOverflow) {
  const uint32_t most = 0xffffffffu;
  // The products are 2^64, as 64 bits 0; 2^96; 2^63; and (2^32 - 1)^4.
  for (const std::vector<uint32_t>& dims : std::vector<std::vector<uint32_t>>{
           {0x80000000u, 0x80000000u, 4},
           {0x80000000u, 0x80000000u, 0x80000000u, 8},
           {0x80000000u, 0x80000000u, 2},
           {most, most, most, most}}) {
    const std::string file = IdxHeader(dims) + std::string(100, 'x');
    for (const bool gzip : {false, true}) {
      const std::string path = Write(gzip ? Gzip(file) : file);
      EXPECT_TRUE(FailsOnFile(
          ReadIdx(path).status(), StatusCode::kInvalidArgument, path,
          "sizes " + std::to_string(dims[0]) + " x ", "a product below 2^63"));
    }
  }
}

// A program that believed this header would ask for 9 exabytes.
TEST_F(IdxTest, SizesThatCannotBeInTheFile) {
  const std::string file =
      IdxHeader({0x7fffffffu, 0xffffffffu}) + std::string(100, 'x');
  std::string path = Write(file);
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "112 bytes", "2147483647 x 4294967295 values"));
  path = Write(Gzip(file));
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "which cannot unpack to more than ",
                          "2147483647 x 4294967295 values"));
}

TEST_F(IdxTest, GzipWithWrongCrc) {
  std::string file = Gzip(SmallFile());
  file[file.size() - 8] ^= 1;
  const std::string path = Write(file);
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "corrupt gzip data (incorrect data check)",
                          "a gzip stream with the CRC"));
}

TEST_F(IdxTest, GzipWithWrongLength) {
  std::string file = Gzip(SmallFile());
  file[file.size() - 4] ^= 1;
  const std::string path = Write(file);
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "corrupt gzip data (incorrect length check)",
                          "a gzip stream with the CRC"));
}

// Whatever one bit says, the values are right or there is an error. Some bits
// of the gzip header (the time, the system) mean nothing here.
TEST_F(IdxTest, GzipWithAnyBitFlippedGivesNoWrongValues) {
  const std::string file = Gzip(SmallFile());
  int errors = 0;
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string flipped = file;
    flipped[bit / 8] ^= static_cast<char>(1 << bit % 8);
    const std::string path = Write(flipped);
    const absl::StatusOr<IdxArray> array = ReadIdx(path);
    if (array.ok()) {
      EXPECT_EQ(array->values, kSmallValues) << "bit " << bit;
      EXPECT_EQ(array->crc32, CrcOf(SmallFile()));
    } else {
      EXPECT_TRUE(FailsWith(array.status(), array.status().code(),
                            {path, "found ", "expected "}));
      ++errors;
    }
  }
  EXPECT_GT(errors, static_cast<int>(4 * file.size()));
}

TEST_F(IdxTest, GzipThatUnpacksToMoreThanTheHeaderSays) {
  const std::string path = Write(Gzip(SmallFile() + "x"));
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "more than 28 bytes once unpacked",
                          "28 bytes (a header of 16 and 2 x 2 x 3 values)"));
}

TEST_F(IdxTest, GzipMembersThatUnpackToMoreThanTheHeaderSays) {
  const std::string path = Write(Gzip(SmallFile()) + Gzip("x"));
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "more than 28 bytes once unpacked", "28 bytes"));
}

int64_t bytes_read = 0;

ssize_t CountingRead(int file, void* to, size_t most) {
  const ssize_t count = read(file, to, most);
  bytes_read += std::max<ssize_t>(count, 0);
  return count;
}

TEST_F(IdxTest, GzipThatUnpacksToMoreIsNotReadToItsEnd) {
  const std::vector<uint8_t> rest = RandomBytes(8000000);  // Packs to as many.
  const std::string path =
      Write(Gzip(SmallFile() + std::string(rest.begin(), rest.end())));
  bytes_read = 0;
  EXPECT_TRUE(FailsOnFile(internal::ReadIdx(path, &CountingRead).status(),
                          StatusCode::kDataLoss, path,
                          "more than 28 bytes once unpacked", "28 bytes"));
  EXPECT_GT(bytes_read, 0);
  EXPECT_LT(bytes_read, 2000000);
}

TEST_F(IdxTest, GzipWithGarbageAfterItsEnd) {
  const std::string path = Write(Gzip(SmallFile()) + "garbage");
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "bytes after the end of the gzip stream",
                          "nothing there"));
  Write(Gzip(SmallFile()) + std::string(512, '\0'));
  EXPECT_TRUE(FailsOnFile(ReadIdx(path).status(), StatusCode::kDataLoss, path,
                          "bytes after the end of the gzip stream",
                          "nothing there"));
}

// ---- What the operating system does to a read.

ssize_t InterruptedShortRead(int file, void* to, size_t most) {
  static int calls = 0;
  if (++calls % 3 == 0) {
    errno = EINTR;
    return -1;
  }
  return read(file, to, std::min<size_t>(most, calls % 5 + 1));
}

TEST_F(IdxTest, ShortAndInterruptedReads) {
  for (const bool gzip : {false, true}) {
    const absl::StatusOr<IdxArray> array = internal::ReadIdx(
        Write(gzip ? Gzip(SmallFile()) : SmallFile()), &InterruptedShortRead);
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_EQ(array->values, kSmallValues);
    EXPECT_EQ(array->crc32, CrcOf(SmallFile()));
  }
}

ssize_t FailingRead(int, void*, size_t) {
  errno = EIO;
  return -1;
}

TEST_F(IdxTest, ReadThatFails) {
  const std::string path = Write(SmallFile());
  EXPECT_TRUE(FailsOnFile(internal::ReadIdx(path, &FailingRead).status(),
                          StatusCode::kUnavailable, path, "Input/output error",
                          "a file that can be read"));
}

ssize_t ShrinkingRead(int file, void* to, size_t most) {
  // 22 of the 28 bytes, as if the rest had gone since the file was opened.
  const off_t at = lseek(file, 0, SEEK_CUR);
  return read(file, to, std::min<size_t>(most, 22 - std::min<off_t>(at, 22)));
}

TEST_F(IdxTest, FileThatShrinksWhileItIsRead) {
  const std::string path = Write(SmallFile());
  EXPECT_TRUE(FailsOnFile(internal::ReadIdx(path, &ShrinkingRead).status(),
                          StatusCode::kDataLoss, path, "22 bytes", "28 bytes"));
}

}  // namespace
}  // namespace distill
