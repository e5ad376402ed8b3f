#include "data/formats/npz.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/npz.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using absl::StatusCode;
using testing::FailsOnFile;
using testing::FailsWith;
using testing::NpyFile;
using testing::NpyFileOf;
using testing::TempFolder;
using testing::WriteFile;
using testing::ZipArchive;

constexpr char kHeader[] =
    "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n";

std::string Bytes(const std::vector<uint8_t>& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

std::string RandomText(int64_t count) {
  Random random(1, "bytes");
  std::string text(count, '\0');
  for (char& c : text) c = static_cast<char>(random.Below(256));
  return text;
}

// `file` with other bytes `offset` bytes after the first `mark`.
std::string With(std::string file, const std::string& mark, size_t offset,
                 const std::string& bytes) {
  return file.replace(file.find(mark) + offset, bytes.size(), bytes);
}

class NpzTest : public ::testing::Test {
 protected:
  absl::StatusOr<NpzFile> Open(const std::string& content) {
    return NpzFile::Open(WriteFile(path_, content));
  }
  // The array x of an archive.
  absl::StatusOr<NpyArray> ReadZip(const std::string& content) {
    const absl::StatusOr<NpzFile> file = Open(content);
    if (!file.ok()) return file.status();
    return file->Read("x");
  }
  absl::StatusOr<NpyArray> Read(const std::string& npy) {
    return ReadZip(ZipArchive({{"x.npy", npy}}));
  }
  absl::StatusOr<std::vector<int64_t>> Integers(const std::string& npy) {
    const absl::StatusOr<NpzFile> file = Open(ZipArchive({{"x.npy", npy}}));
    if (!file.ok()) return file.status();
    return file->Integers("x");
  }

  TempFolder folder_;
  const std::string path_ = folder_.File("file.npz");
};

// ---- Good files.

TEST_F(NpzTest, ReadsStoredDeflatedAndZip64) {
  const std::string images = RandomText(2 * 3 * 4 * 3);
  const std::string labels = Bytes({7, 0, 0, 0, 255, 255, 255, 255});
  for (int kind = 0; kind < 32; ++kind) {
    const bool deflated = kind & 1, zip64 = kind & 2, follow = kind & 4;
    const auto file = Open(
        ZipArchive({{"train_images.npy", NpyFile("|u1", {2, 3, 4, 3}, images),
                     deflated, zip64, follow},
                    {"readme.txt", "not an array", deflated, zip64, follow},
                    {"train_labels.npy", NpyFile("<i4", {2, 1}, labels),
                     deflated, zip64, follow}},
                   (kind & 8) ? std::string(300, 'P') : "", kind & 16));
    ASSERT_TRUE(file.ok()) << kind << ": " << file.status();
    EXPECT_EQ(file->path(), path_);
    EXPECT_EQ(file->arrays().size(), 2u);
    EXPECT_TRUE(file->Has("train_labels"));
    EXPECT_FALSE(file->Has("test_labels"));
    const auto header = file->Header("train_images");
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->Explain(), "uint8 [2, 3, 4, 3]");
    const auto array = file->Read("train_images");
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_EQ(array->shape, (std::vector<int64_t>{2, 3, 4, 3}));
    EXPECT_EQ(Bytes(array->bytes), images);
    const auto values = file->Integers("train_labels");
    ASSERT_TRUE(values.ok()) << values.status();
    EXPECT_EQ(*values, (std::vector<int64_t>{7, -1}));
  }
}

// Larger than a read of packed data and than the first guess at its memory.
TEST_F(NpzTest, ReadsLargeArrays) {
  std::string alike;
  alike.resize(9000000, 'x');
  for (const std::string& data : {RandomText(3000000), alike}) {
    for (const bool deflated : {false, true}) {
      const auto array = ReadZip(ZipArchive(
          {{"x.npy", NpyFile("|u1", {static_cast<int64_t>(data.size())}, data),
            deflated}}));
      ASSERT_TRUE(array.ok()) << array.status();
      EXPECT_TRUE(Bytes(array->bytes) == data);
    }
  }
}

TEST_F(NpzTest, ReadsEveryVersionAndOrderOfKeys) {
  for (const std::string& header :
       {std::string(kHeader),
        std::string("{'shape':(2,3,),'fortran_order':False,'descr':'<u1'}"),
        std::string("  { 'fortran_order' : False , 'shape' : ( 2 , 3 ) ,"
                    " 'descr' : '>u1' , }      \n")}) {
    for (const int version : {1, 2, 3}) {
      const auto array = Read(NpyFileOf(header, "abcdef", version));
      ASSERT_TRUE(array.ok()) << array.status();
      EXPECT_EQ(array->Explain(), "uint8 [2, 3]");
      EXPECT_EQ(Bytes(array->bytes), "abcdef");
    }
  }
}

TEST_F(NpzTest, ReadsEveryKindOfIntegers) {
  for (const auto& [descr, name] :
       std::vector<std::pair<std::string, std::string>>{{"|b1", "bool"},
                                                        {"|i1", "int8"},
                                                        {"|u1", "uint8"},
                                                        {"<i2", "int16"},
                                                        {"<u2", "uint16"},
                                                        {"<i4", "int32"},
                                                        {"<u4", "uint32"},
                                                        {"<i8", "int64"},
                                                        {"<u8", "uint64"}}) {
    const int width = descr[2] - '0';
    std::string last(width, '\xff');
    int64_t value =
        descr[1] == 'i' || width == 8 ? -1 : (int64_t{1} << (8 * width)) - 1;
    if (descr == "<u8") {
      last.back() = '\x7f';
      value = INT64_MAX;
    }
    if (descr == "|b1") {
      last = "\1";
      value = 1;
    }
    std::string data = "\1" + std::string(width - 1, '\0') + last;
    for (const bool big_endian : {false, true}) {
      std::string type = descr;
      if (big_endian) {
        type[0] = '>';
        std::reverse(data.begin(), data.begin() + width);
        std::reverse(data.begin() + width, data.end());
      }
      const auto values = Integers(NpyFile(type, {2}, data));
      ASSERT_TRUE(values.ok()) << values.status();
      EXPECT_EQ(*values, (std::vector<int64_t>{1, value})) << type;
      const auto array = Read(NpyFile(type, {2}, data));
      ASSERT_TRUE(array.ok()) << array.status();
      EXPECT_EQ(array->Explain(), name + " [2]");
    }
  }
}

TEST_F(NpzTest, ReadsFloatsAsBytes) {
  const float values[] = {1.5f, -2};
  std::string data(reinterpret_cast<const char*>(values), sizeof(values));
  auto array = Read(NpyFile("<f4", {2}, data));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->Explain(), "float32 [2]");
  EXPECT_EQ(Bytes(array->bytes), data);
  std::string swapped = data;
  std::reverse(swapped.begin(), swapped.begin() + 4);
  std::reverse(swapped.begin() + 4, swapped.end());
  array = Read(NpyFile(">f4", {2}, swapped));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(Bytes(array->bytes), data);
}

TEST_F(NpzTest, FortranOrderBecomesRowMajor) {
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
           {}, {5}, {2, 3}, {1, 4}, {4, 1}, {2, 3, 4}, {3, 2, 4, 5}}) {
    // Each element is its row-major index, and lies where Fortran has it.
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    std::vector<int64_t> expected(count);
    std::string data(2 * count, '\0');
    for (int64_t at = 0; at < count; ++at) {
      expected[at] = at;
      int64_t rest = at, left = count, place = 0;
      for (size_t i = shape.size(); i-- > 0;) {
        left /= shape[i];
        place += rest % shape[i] * left;
        rest /= shape[i];
      }
      data[2 * place + 1] = static_cast<char>(at);
    }
    const auto values = Integers(NpyFile(">u2", shape, data, true));
    ASSERT_TRUE(values.ok()) << values.status();
    EXPECT_EQ(*values, expected);
  }
}

// ---- Files that are none, or end early.

TEST_F(NpzTest, FilesThatCannotBeOpened) {
  EXPECT_TRUE(FailsOnFile(NpzFile::Open(path_).status(), StatusCode::kNotFound,
                          path_, "no such file", ".npz"));
  EXPECT_TRUE(FailsOnFile(NpzFile::Open(folder_.path()).status(),
                          StatusCode::kInvalidArgument, folder_.path(),
                          "a folder", ".npz"));
  const std::string pipe = folder_.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(FailsOnFile(NpzFile::Open(pipe).status(),
                          StatusCode::kInvalidArgument, pipe, "pipe", ".npz"));
}

TEST_F(NpzTest, OtherFiles) {
  EXPECT_TRUE(FailsOnFile(Open("").status(), StatusCode::kDataLoss, path_,
                          "an empty file", ".npz"));
  for (const auto& [content, name] :
       std::vector<std::pair<std::string, std::string>>{
           {"<!DOCTYPE html>", "a web page"},
           {NpyFile("|u1", {1}, "x"), "a NumPy array"},
           {"x", "something else"}}) {
    EXPECT_TRUE(FailsOnFile(Open(content).status(),
                            StatusCode::kInvalidArgument, path_, name,
                            "a zip archive"));
  }
  for (const std::string& zip :
       {ZipArchive({}), ZipArchive({{"data.pkl", "x"}})}) {
    EXPECT_TRUE(FailsOnFile(Open(zip).status(), StatusCode::kInvalidArgument,
                            path_, "a zip archive without arrays", ".npz"));
  }
}

TEST_F(NpzTest, AnArrayThatIsNotThere) {
  const auto file = Open(ZipArchive({{"a.npy", NpyFile("|u1", {1}, "x")}}));
  ASSERT_TRUE(file.ok()) << file.status();
  for (const absl::Status& status :
       {file->Header("b").status(), file->Read("b").status(),
        file->Integers("b").status()}) {
    EXPECT_TRUE(FailsOnFile(status, StatusCode::kNotFound, path_,
                            "the array \"b\" nowhere", "one of its 1 array"));
  }
}

TEST_F(NpzTest, TruncatedAtAnyByte) {
  for (const bool zip64 : {false, true}) {
    const std::string file = ZipArchive(
        {{"x.npy", NpyFileOf(kHeader, "abcdef"), !zip64, zip64}}, "", zip64);
    for (size_t size = 1; size < file.size(); ++size) {
      EXPECT_TRUE(FailsWith(
          ReadZip(file.substr(0, size)).status(),
          size < 4 ? StatusCode::kInvalidArgument : StatusCode::kDataLoss,
          {path_ + ": found "}))
          << size;
    }
    EXPECT_TRUE(ReadZip(file).ok());
  }
}

TEST_F(NpzTest, ADamagedByteIsFoundOrChangesNothing) {
  const std::string file =
      ZipArchive({{"x.npy", NpyFileOf(kHeader, "abcdef"), false}});
  size_t found = 0;
  for (size_t at = 0; at < file.size(); ++at) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(~damaged[at]);
    const auto array = ReadZip(damaged);
    if (array.ok()) {
      EXPECT_EQ(Bytes(array->bytes), "abcdef") << at;
    } else {
      ++found;
      EXPECT_TRUE(FailsWith(array.status(), array.status().code(), {path_}));
    }
  }
  // The array, which has a CRC, and what leads to it.
  EXPECT_GT(found, NpyFileOf(kHeader, "abcdef").size() + 40);
}

TEST_F(NpzTest, AFileThatShrinksAfterItWasOpened) {
  const std::string zip =
      ZipArchive({{"x.npy", NpyFileOf(kHeader, "abcdef"), false}});
  const auto file = Open(zip);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(truncate(path_.c_str(), 100), 0);
  EXPECT_TRUE(FailsOnFile(file->Read("x").status(), StatusCode::kDataLoss,
                          path_, "an end after 100 bytes",
                          std::to_string(zip.size()) + " bytes"));
}

// ---- Archives whose parts contradict each other.

TEST_F(NpzTest, WrongArchives) {
  struct Case {
    std::string zip, found;
    StatusCode code = StatusCode::kDataLoss;
  };
  const auto invalid = StatusCode::kInvalidArgument;
  const std::string npy = NpyFileOf(kHeader, "abcdef");
  const std::string zip = ZipArchive({{"x.npy", npy, false}});
  const std::string deflated = ZipArchive({{"x.npy", npy}});
  const std::string zip64 = ZipArchive({{"x.npy", npy, false, true}}, "", true);
  const std::string local = "PK\3\4", entry = "PK\1\2", end = "PK\5\6";
  const std::string one("\1\0", 2), far("\xf0\xff\xff\0", 4);
  const auto number = [](size_t n) {
    return std::string({static_cast<char>(n), '\0', '\0', '\0'});
  };
  // Sizes that the array's header agrees with, but not the deflated data.
  const auto sized = [&](int64_t size) {
    const std::string file = NpyFile("|u1", {size}, "abcdef");
    return With(ZipArchive({{"x.npy", file}}), entry, 24,
                number(file.size() + size - 6));
  };
  const size_t packed = deflated.find(entry) - 35;
  for (const Case& one_case : std::vector<Case>{
           {With(zip, entry, 8, one), "\"x\", which is encrypted", invalid},
           {With(zip, entry, 10, {"\x0c\0", 2}), "method 12", invalid},
           {With(zip, local, 0, "x"), "something else", invalid},
           // The end.
           {With(zip, end, 0, "x"), "without a zip's end"},
           {With(zip, end, 12, far), "16777200 bytes"},
           {With(zip, end, 12, "\xff\xff\xff\x7f"), "of 2147483647 bytes"},
           {With(zip, end, 12, number(20)), "a broken zip's directory"},
           {With(zip, end, 16, far), "from byte 16777200"},
           {With(zip64, "PK\6\6", 0, "x"), "a broken zip64 end"},
           {With(zip64, "PK\6\7", 8, far), "56 bytes from byte 16777200"},
           {With(zip64, "PK\6\6", 48, std::string(8, '\xff')),
            "from byte 18446744073709551615"},
           // The directory.
           {With(zip, entry, 0, "x"), "a broken zip's directory"},
           {With(zip, entry, 28, far.substr(0, 2)), "a broken zip's directory"},
           {With(zip, entry, 30, far.substr(0, 2)), "a broken zip's directory"},
           {With(zip, entry, 20, far), "\"x\" with a broken header"},
           {With(zip, entry, 20, "\xff\xff\xff\xff"), "a broken header"},
           {With(zip, entry, 24, number(npy.size() - 1)), "a broken header"},
           {With(zip, entry, 42, far), "from byte 16777200"},
           {With(zip, entry, 42, one), "\"x\" with a broken header"},
           {With(zip64, entry, 51, "\2"), "another CRC-32"},
           // The member.
           {With(zip, local, 28, far.substr(0, 2)), "a broken header"},
           {With(zip, entry, 16, "x"), "another CRC-32"},
           {With(zip, "abcdef", 5, "g"), "another CRC-32"},
           {With(deflated, local, 35, "\xff"), "with corrupt data after 0 of"},
           {With(deflated, entry, 20, number(packed - 5)), "corrupt data"},
           {sized(7), "with corrupt data after 134 of 135 bytes"},
           {sized(5), "another CRC-32"}}) {
    EXPECT_TRUE(FailsOnFile(ReadZip(one_case.zip).status(), one_case.code,
                            path_, one_case.found, ""))
        << one_case.found;
  }
}

// ---- Arrays of other kinds, or that contradict themselves.

TEST_F(NpzTest, ArraysThatAreRefused) {
  for (const auto& [descr, found] :
       std::vector<std::pair<std::string, std::string>>{
           {"'|O'", "Python objects, a pickle"},
           {"[('a', '|u1'), ('b', '<f4')]", "a structured dtype"},
           {"'<c8'", "dtype '<c8'"},
           {"'<U5'", "dtype '<U5'"},
           {"'|S1'", "dtype '|S1'"},
           {"'|u4'", "dtype '|u4'"},
           {"'=u1'", "dtype '=u1'"},
           {"'<b2'", "dtype '<b2'"},
           {"'<1 '", "dtype '<1'"},
           {"'< i'", "dtype '<i'"},
           {"''", "dtype ''"}}) {
    const absl::Status status =
        Read(NpyFileOf("{'descr': " + descr +
                           ", 'fortran_order': False, 'shape': (2,), }\n",
                       std::string(16, '\0')))
            .status();
    EXPECT_TRUE(FailsOnFile(status, StatusCode::kInvalidArgument, path_, found,
                            "bool"));
    EXPECT_TRUE(
        FailsWith(status, StatusCode::kInvalidArgument,
                  {"numpy.savez_compressed(path, x=x)", "astype('uint8')",
                   "numpy.unique(x, return_inverse=True)[1]"}));
  }
}

TEST_F(NpzTest, IntegersAreNeitherFloatsNorTooLarge) {
  EXPECT_TRUE(FailsOnFile(Integers(NpyFile("<f4", {1}, "1234")).status(),
                          StatusCode::kInvalidArgument, path_, "of float32",
                          "integers or bool"));
  EXPECT_TRUE(FailsOnFile(
      Integers(NpyFile("<u8", {1}, std::string(8, '\xff'))).status(),
      StatusCode::kInvalidArgument, path_, "18446744073709551615",
      "less than 2^63"));
}

TEST_F(NpzTest, WrongShapes) {
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{0},
                                         {2, 0, 3},
                                         {int64_t{1} << 32, int64_t{1} << 32},
                                         {INT64_MAX, 3}}) {
    EXPECT_TRUE(FailsOnFile(Read(NpyFile("<u2", shape, "abcdef")).status(),
                            StatusCode::kInvalidArgument, path_,
                            "of uint16 [" + std::to_string(shape[0]), "2^62"));
  }
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{}, {2}, {4}, {1000000, 1000000}}) {
    const std::string npy = NpyFile("<u2", shape, "abcdef");
    EXPECT_TRUE(FailsOnFile(Read(npy).status(), StatusCode::kDataLoss, path_,
                            "in " + std::to_string(npy.size()) + " bytes",
                            " bytes"));
  }
}

TEST_F(NpzTest, ReadsTheLongIntegersOfPython2) {
  const auto array = Read(
      NpyFileOf("{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 3L), }",
                "abcdef"));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->shape, (std::vector<int64_t>{2, 3}));
}

TEST_F(NpzTest, WrongHeaders) {
  const std::string good = NpyFileOf(kHeader, "abcdef");
  for (const std::string& other :
       {std::string(), good.substr(0, 11), "\x80\4" + good,
        NpyFileOf(kHeader, "abcdef", 4)}) {
    EXPECT_TRUE(FailsOnFile(Read(other).status(), StatusCode::kInvalidArgument,
                            path_, "in another format", "version 1, 2 or 3"));
  }
  EXPECT_TRUE(FailsOnFile(Read(good.substr(0, 30)).status(),
                          StatusCode::kDataLoss, path_, "with the header",
                          "'descr'"));
  EXPECT_TRUE(FailsOnFile(
      Read(NpyFileOf(kHeader + std::string(70000, ' '), "", 2)).status(),
      StatusCode::kDataLoss, path_, "with the header", "'descr'"));
  for (const std::string& header : std::vector<std::string>{
           "", "{}", "{'descr': '|u1', 'fortran_order': False}",
           "{'fortran_order': False, 'shape': (2, 3)}",
           "{'descr': '|u1', 'shape': 6}",
           "{'descr': '|u1', 'shape': (-2, -3)}",
           "{'descr': '|u1', 'shape': (2, 3,,)}",
           "{'descr': '|u1', 'shape': (2, x)}",
           "{'descr': '|u1', 'shape': (2, 3",
           "{'descr': '|u1', 'shape': (9223372036854775808,)}",
           "{'shape': (2, 3), 'descr': '|u1",
           "{'descr': |u1, 'shape': (2, 3)}"}) {
    EXPECT_TRUE(FailsOnFile(Read(NpyFileOf(header, "abcdef")).status(),
                            StatusCode::kDataLoss, path_, "with the header",
                            "'descr'"))
        << header;
  }
}

}  // namespace
}  // namespace distill
